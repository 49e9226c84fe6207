// SPDX-License-Identifier: Apache-2.0
#include "base/rfc3339.h"
#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/deploy/deploy_service.h"

namespace weir::dispatcher {
namespace {

void add_instant(JsonText& out, std::string_view key, const std::optional<Instant>& at) {
  out.key(key);
  at ? out.text(base::rfc3339(*at)) : out.null();
}

template <class Id>
void add_id(JsonText& out, std::string_view key, const std::optional<Id>& id) {
  out.key(key);
  id ? out.text(id->text()) : out.null();
}

}  // namespace

std::string deploy_json(const DeployRow& deploy) {
  JsonText out;
  out.open('{').key("deploy_id").text(deploy.id.text()).key("kind").text(deploy.kind);
  out.key("state").text(deploy.state);
  add_id(out, "from", deploy.from);
  add_id(out, "to", deploy.to);
  out.key("pointer_set_id").text(deploy.to_pointer_set.text());
  out.key("activate").text(deploy.activate).key("old_version").text(deploy.old_version);
  out.key("effects").text(deploy.effects).key("plan").raw(deploy.plan_json);
  out.key("progress").open('{').key("builds_total").integer(deploy.builds_total);
  out.key("builds_ready").integer(deploy.builds_ready);
  out.key("tasks_total").integer(deploy.tasks_total);
  out.key("tasks_done").integer(deploy.tasks_done).close('}');
  out.key("blockers").raw(deploy.blockers_json).key("checks").raw(deploy.checks_json);
  out.key("world").text(deploy.world);
  if (!deploy.from_world.empty()) out.key("from_world").text(deploy.from_world);
  add_instant(out, "created_at", deploy.created_at);
  add_instant(out, "ready_at", deploy.ready_at);
  add_instant(out, "finished_at", deploy.finished_at);
  return out.close('}').written();
}

std::string faults_json(const std::vector<DagFault>& faults) {
  JsonText out;
  out.open('[');
  for (const DagFault& fault : faults) {
    out.open('{').key("code").text(fault.code).key("path").text(fault.path);
    out.key("line").integer(static_cast<std::int64_t>(fault.line));
    out.key("column").integer(static_cast<std::int64_t>(fault.column));
    out.key("detail").text(fault.detail);
    if (!fault.hint.empty()) out.key("hint").text(fault.hint);
    out.close('}');
  }
  return out.close(']').written();
}

std::string body_of(const ValidateReply& reply) {
  JsonText out;
  out.open('{').key("valid").boolean(true).key("yaml_hash").text(reply.yaml_hash);
  out.key("registry_hash").text(reply.registry_hash);
  out.key("warnings").raw(faults_json(reply.warnings)).key("plan").raw(plan_json(reply.plan));
  return out.close('}').written();
}

std::string body_of(const DeployReply& reply) {
  JsonText out;
  out.open('{').key("dag_version_id").text(reply.dag_version_id.text());
  out.key("version_no").integer(reply.version_no).key("yaml_hash").text(reply.yaml_hash);
  out.key("registry_hash").text(reply.registry_hash).key("created").boolean(reply.created);
  if (reply.deploy) out.key("deploy").raw(deploy_json(*reply.deploy));
  out.key("warnings").raw(faults_json(reply.warnings));
  return out.close('}').written();
}

std::string body_of(const ActivateReply& reply) {
  JsonText out;
  out.open('{').key("dag_version_id").text(reply.dag_version_id.text());
  out.key("generation").integer(reply.generation);
  if (reply.deploy) out.key("deploy").raw(deploy_json(*reply.deploy));
  return out.close('}').written();
}

}  // namespace weir::dispatcher
