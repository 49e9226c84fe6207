#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/compose.yaml is whole, names the versions that scripts/packages pins for scripts/engines,
and its Weir is one that would start.

usage: compose_test.py [ROOT]"""

import re
import sys
import unittest
from pathlib import Path

import yaml

# Debian 12's; scripts/packages installs it without a version.
POSTGRES_MAJOR = "15"


def pinned_kafka(packages):
    """The version of the three brokers."""
    return re.search(r"^jar kafka org\.apache\.kafka:kafka_2\.13:(\S+)$", packages, re.MULTILINE)[1]


def faults_of(compose, packages):
    services = compose["services"]
    wanted = {"apache/kafka": pinned_kafka(packages), "postgres": POSTGRES_MAJOR}
    seen = set()
    for name, service in services.items():
        image, _, version = service.get("image", "").partition(":")
        if "image" not in service and "build" not in service:
            yield f"{name}: has neither an image nor a build"
        if image in wanted:
            seen.add(image)
            if version != wanted[image]:
                yield f"{name}: {image} {version}, where the tests have {wanted[image]}"
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name}: waits for {other}, which there is none of"
            elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
                yield f"{name}: waits for the health of {other}, which has no check"
        for network in service.get("networks", []):
            if network not in compose["networks"]:
                yield f"{name}: network {network} is not there"
        for volume in service.get("volumes", []):
            if volume.split(":")[0] not in compose["volumes"]:
                yield f"{name}: volume {volume} is not there"
        for config in service.get("configs", []):
            if config["source"] not in compose["configs"]:
                yield f"{name}: config {config['source']} is not there"
    for image in sorted(set(wanted) - seen):
        yield f"no service is of {image}"
    brokers = {
        name for name, one in services.items() if "KAFKA_NODE_ID" in one.get("environment", {})
    }
    for name in sorted(brokers):
        environment = services[name]["environment"]
        voters = environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
        itself = f"{environment['KAFKA_NODE_ID']}@{name}:9093"
        if itself not in voters or len(voters) != len(brokers):
            yield f"{name}: is not among its voters"
        if environment["KAFKA_ADVERTISED_LISTENERS"] != f"PLAINTEXT://{name}:9092":
            yield f"{name}: tells its clients of another"
    section = yaml.safe_load(compose["configs"]["weir"]["content"])["dagmanager"]
    named = {one.split(":")[0] for one in section["topics_dsn"].removeprefix("kafka://").split(",")}
    if named != brokers:
        yield "weir: topics_dsn names other brokers"
    if section["graph_dsn"].split("@")[1].split("/")[0] not in services:
        yield "weir: graph_dsn names no service"


class Compose(unittest.TestCase):
    ROOT = Path(__file__).resolve().parents[2]

    def setUp(self):
        self.compose = yaml.safe_load((self.ROOT / "deploy/compose.yaml").read_text())
        self.packages = (self.ROOT / "scripts/packages").read_text()

    def faults(self):
        return list(faults_of(self.compose, self.packages))

    def test_it_is_whole_and_of_the_pinned_versions(self):
        self.assertEqual(self.faults(), [])

    def test_another_version_is_found(self):
        self.compose["services"]["kafka-2"]["image"] = "apache/kafka:4.0.0"
        self.assertIn("kafka-2: apache/kafka 4.0.0", self.faults()[0])

    def test_what_hangs_loose_is_found(self):
        del self.compose["services"]["postgres"]["healthcheck"]
        self.compose["services"]["weir"]["networks"] = ["other"]
        self.assertEqual(len(self.faults()), 2)

    def test_a_broker_under_anothers_name_is_found(self):
        self.compose["services"]["kafka-1"]["environment"]["KAFKA_NODE_ID"] = "2"
        self.assertEqual(self.faults(), ["kafka-1: is not among its voters"])

    def test_the_image_takes_its_packages_from_the_list(self):
        recipe = (self.ROOT / "deploy/Dockerfile").read_text()
        self.assertIn('$1 == "build"', recipe)
        self.assertNotIn(":latest", recipe)
        self.assertEqual(set(re.findall(r"^FROM (\S+)", recipe, re.MULTILINE)), {"debian:12"})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Compose.ROOT = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
