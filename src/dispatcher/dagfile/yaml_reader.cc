// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/yaml_reader.h"

#include <absl/container/flat_hash_set.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <exception>
#include <sstream>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/limits.h"

namespace weir::dispatcher {
namespace {

/// Thrown through the parser, past our own frames only, once reading must stop; it was reported.
struct Stopped {};

/// How yaml-cpp spells null; of these only the first two are null in a DAG file.
constexpr std::array<std::string_view, 4> kNullWords = {"null", "~", "Null", "NULL"};

/// The spelling of null that stands at a byte, or nothing.
std::string_view null_word_at(std::string_view text, std::size_t offset) {
  for (const std::string_view word : kNullWords) {
    if (text.substr(offset).starts_with(word)) return word;
  }
  return {};
}

/// The dash of an item without a value: the last thing written before `offset`. A parser only tells
/// where the next token stands.
std::size_t dash_before(std::string_view text, std::size_t offset) {
  for (std::size_t end = offset; end > 0;) {
    const std::size_t line_end = text.rfind('\n', end - 1);
    const std::size_t start = line_end == std::string_view::npos ? 0 : line_end + 1;
    std::string_view line = text.substr(start, end - start);
    if (line.starts_with('#')) line = {};
    line = line.substr(0, line.find(" #"));
    const std::size_t last = line.find_last_not_of(" \t\r");
    if (last != std::string_view::npos) return line[last] == '-' ? start + last : offset;
    if (start == 0) break;
    end = start - 1;
  }
  return offset;
}

}  // namespace

/// Makes the tree out of the parser's events.
class YamlTreeBuilder final : public YAML::EventHandler {
 public:
  YamlTreeBuilder(std::string_view text, YamlTree& tree, FaultList& faults)
      : text_(text), tree_(tree), faults_(faults) {
    tree_.texts_.reserve(text.size());
    tree_.nodes_.reserve(text.size() / 12 + 8);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    faults_.at_byte(offset_of(mark), code::kYaml,
                    "a second document starts here; write one file each");
    throw Stopped();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    const std::size_t offset = begin_event(mark);
    const std::string_view word = null_word_at(text_, offset);
    if (wants_key()) {
      if (!word.empty()) return take_key(offset, word, /*plain=*/true);
      faults_.at_byte(offset, code::kYamlFeature, "a key must be a text");
      return drop_key();
    }
    const std::uint32_t node = add(YamlKind::Null, null_offset(offset, word));
    // `Null` is a text here. But where nothing is written, the parser points at what comes next, so
    // this is decided with the next event.
    if (word == "Null" || word == "NULL") {
      set_text(node, word);
      tree_.nodes_[node].kind = YamlKind::Plain;
      tree_.nodes_[node].offset = static_cast<std::uint32_t>(offset);
      doubtful_ = node;
      doubtful_offset_ = offset;
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    const std::size_t offset = begin_event(mark);
    faults_.at_byte(offset, code::kYamlFeature, kNoAliases);
    if (wants_key()) return drop_key();
    add(YamlKind::Refused, offset);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    const std::size_t offset = begin_event(mark);
    const bool tagged = refuse_tag(offset);
    const bool plain = tag == "?";
    const bool has_zero = value.contains('\0');  // as only an escape in quotes can make one
    if (wants_key()) {
      take_key(offset, value, plain);
      open_.back().zero_key = has_zero;
      return;
    }
    if (tagged || has_zero) {
      const std::uint32_t node = add(YamlKind::Refused, offset);
      if (!tagged) faults_.at_value(YamlValue(&tree_, node), code::kValue, {.detail = kNoZeros});
      return;
    }
    set_text(add(plain ? YamlKind::Plain : YamlKind::Quoted, offset), value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    open(mark, YamlKind::Sequence);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, YamlKind::Mapping);
  }
  void OnMapEnd() override {
    drop_repeated(open_.back().node);
    close();
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override {
    faults_.at_byte(offset_of(mark), code::kYamlFeature, kNoAliases);
  }

  static constexpr const char* kNoAliases =
      "anchors and aliases are not read; write the value where it is used";

  static constexpr const char* kNoZeros = "a text may not hold the zero character";

 private:
  /// A collection that is being filled.
  struct Open {
    std::uint32_t node = 0;
    std::uint32_t last = YamlTree::kNone;  // child
    bool mapping = false;
    bool key_next = false;
    bool dropped_key = false;  // of the member that comes
    bool zero_key = false;     // the same: it has a zero character
    std::uint32_t key_at = 0;
    std::uint32_t key_size = 0;
    std::uint32_t key_offset = 0;
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size());
  }

  std::size_t begin_event(const YAML::Mark& mark) {
    const std::size_t offset = offset_of(mark);
    if (doubtful_ != YamlTree::kNone && doubtful_offset_ == offset) {
      YamlTree::Node& node = tree_.nodes_[doubtful_];
      node.kind = YamlKind::Null;
      node.offset =
          node.member ? node.key_offset : static_cast<std::uint32_t>(dash_before(text_, offset));
    }
    doubtful_ = YamlTree::kNone;
    return offset;
  }

  std::size_t null_offset(std::size_t offset, std::string_view word) const {
    if (open_.empty()) return offset;
    if (open_.back().mapping) return open_.back().key_offset;
    return word.empty() ? dash_before(text_, offset) : offset;
  }

  bool wants_key() const { return !open_.empty() && open_.back().key_next; }

  /// A tag is known by its first byte: the parser reports quotes as a tag too.
  bool refuse_tag(std::size_t offset) {
    if (offset >= text_.size() || text_[offset] != '!') return false;
    faults_.at_byte(offset, code::kYamlFeature, "tags are not read; the field decides the type");
    return true;
  }

  void take_key(std::size_t offset, std::string_view key, bool plain) {
    Open& parent = open_.back();
    parent.key_next = false;
    parent.key_at = static_cast<std::uint32_t>(tree_.texts_.size());
    parent.key_size = static_cast<std::uint32_t>(key.size());
    parent.key_offset = static_cast<std::uint32_t>(offset);
    tree_.texts_ += key;
    if (plain && key == "<<") {
      faults_.at_byte(offset, code::kYamlFeature, "merge keys are not read; write the fields out");
      parent.dropped_key = true;
    }
  }

  void drop_key() {
    open_.back().key_next = false;
    open_.back().dropped_key = true;
  }

  void set_text(std::uint32_t node, std::string_view text) {
    tree_.nodes_[node].text_at = static_cast<std::uint32_t>(tree_.texts_.size());
    tree_.nodes_[node].size = static_cast<std::uint32_t>(text.size());
    tree_.texts_ += text;
  }

  /// A new value where the parser stands. What belongs to a dropped key is made, but nobody's
  /// child.
  std::uint32_t add(YamlKind kind, std::size_t offset) {
    const auto index = static_cast<std::uint32_t>(tree_.nodes_.size());
    bool zero_key = false;
    YamlTree::Node node;
    node.kind = kind;
    node.offset = static_cast<std::uint32_t>(offset);
    if (!open_.empty()) {
      Open& parent = open_.back();
      node.parent = parent.node;
      if (parent.mapping) {
        node.member = true;
        node.key_at = parent.key_at;
        node.key_size = parent.key_size;
        node.key_offset = parent.key_offset;
        parent.key_next = true;
      }
      zero_key = std::exchange(parent.zero_key, false);
      if (!std::exchange(parent.dropped_key, false) && !zero_key) link(parent, node, index);
    }
    tree_.nodes_.push_back(node);
    if (zero_key) faults_.at_key(YamlValue(&tree_, index), code::kValue, {.detail = kNoZeros});
    return index;
  }

  void link(Open& parent, YamlTree::Node& node, std::uint32_t index) {
    YamlTree::Node& above = tree_.nodes_[parent.node];
    node.position = above.size++;
    if (parent.last == YamlTree::kNone) {
      above.first = index;
    } else {
      tree_.nodes_[parent.last].next = index;
    }
    parent.last = index;
  }

  void open(const YAML::Mark& mark, YamlKind kind) {
    const std::size_t offset = begin_event(mark);
    refuse_tag(offset);
    if (open_.size() == kDagDepthMax) {
      faults_.at_byte(offset, code::kLimit,
                      "nested deeper than " + std::to_string(kDagDepthMax) + " levels");
      throw Stopped();
    }
    Open opened;
    opened.mapping = kind == YamlKind::Mapping;
    opened.key_next = opened.mapping;
    if (wants_key()) {
      faults_.at_byte(offset, code::kYamlFeature, "a key must be a text");
      drop_key();
      // Made as if it were the value that the dropped key has, and then that value comes.
      opened.node = add(kind, offset);
      drop_key();
    } else {
      opened.node = add(kind, offset);
    }
    open_.push_back(opened);
  }

  void close() { open_.pop_back(); }

  /// Takes repeated keys out of a mapping; the first one counts.
  void drop_repeated(std::uint32_t mapping) {
    constexpr std::uint32_t kFew = 12;
    const bool few = tree_.nodes_[mapping].size <= kFew;
    std::array<std::string_view, kFew> seen_few;
    absl::flat_hash_set<std::string_view> seen;
    std::size_t count = 0;
    std::uint32_t last = YamlTree::kNone;
    for (std::uint32_t at = tree_.nodes_[mapping].first; at != YamlTree::kNone;) {
      YamlTree::Node& node = tree_.nodes_[at];
      const std::string_view key = YamlValue(&tree_, at).key();
      const std::uint32_t next = node.next;
      const auto end = seen_few.begin() + static_cast<std::ptrdiff_t>(few ? count : 0);
      const bool fresh =
          few ? std::find(seen_few.begin(), end, key) == end : seen.insert(key).second;
      if (fresh) {
        if (few) seen_few[count] = key;
        node.position = static_cast<std::uint32_t>(count++);
        last = at;
      } else {
        faults_.at_key(YamlValue(&tree_, at), code::kDuplicateKey,
                       {.detail = "the key " + shown(key) + " stands here a second time"});
        tree_.nodes_[last].next = next;
        --tree_.nodes_[mapping].size;
      }
      at = next;
    }
  }

  std::string_view text_;
  YamlTree& tree_;
  FaultList& faults_;
  std::vector<Open> open_;
  std::uint32_t doubtful_ = YamlTree::kNone;
  std::size_t doubtful_offset_ = 0;
  std::size_t documents_ = 0;
};

namespace {

/// A character that YAML does not allow in a text (YAML 1.2, section 5.1).
bool is_unprintable(char32_t character) {
  return (character < 0x20 && character != '\t' && character != '\n' && character != '\r') ||
         (character >= 0x7f && character < 0xa0 && character != 0x85) || character == 0xfffe ||
         character == 0xffff;
}

/// Byte of the first character that may not stand in YAML; the text's size if all may.
std::size_t first_unprintable(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x7f) {
      ++at;
      continue;
    }
    const std::size_t from = at;
    if (is_unprintable(base::next_character(text, at))) return from;
  }
  return text.size();
}

/// Whether the bytes may be given to the parser.
bool is_readable(std::string_view text, FaultList& faults) {
  if (text.size() > kDagBytesMax) {
    faults.at_byte(0, code::kLimit,
                   "the file has more than " + std::to_string(kDagBytesMax) + " bytes");
    return false;
  }
  if (const std::size_t bad = base::first_bad_utf8(text); bad < text.size()) {
    faults.at_byte(bad, code::kYaml, "this byte is not UTF-8");
    return false;
  }
  if (const std::size_t bad = first_unprintable(text); bad < text.size()) {
    faults.at_byte(bad, code::kYaml, "a control character; YAML has none");
    return false;
  }
  return true;
}

/// The parser refuses an alias whose anchor it has not seen before it tells of the alias.
bool is_about_alias(const std::string& message) {
  return message.starts_with("the referenced anchor is not defined");
}

}  // namespace

bool read_yaml(std::string_view text, YamlTree& tree, FaultList& faults) {
  if (!is_readable(text, faults)) return false;
  YamlTreeBuilder builder(text, tree, faults);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stopped&) {
    return false;
  } catch (const YAML::Exception& error) {
    const std::size_t offset = static_cast<std::size_t>(std::max(error.mark.pos, 0));
    if (is_about_alias(error.msg)) {
      faults.at_byte(offset, code::kYamlFeature, YamlTreeBuilder::kNoAliases);
    } else {
      // A message may end in one byte of the character that it is about.
      faults.at_byte(offset, code::kYaml, error.msg.substr(0, base::first_bad_utf8(error.msg)));
    }
    return false;
  } catch (const std::exception& error) {
    faults.at_byte(0, code::kYaml, error.what());
    return false;
  }
  if (tree.root().kind() == YamlKind::Null) {
    faults.at_byte(0, code::kYaml, "the file is empty; it needs a mapping with `name` and `jobs`");
    return false;
  }
  return true;
}

}  // namespace weir::dispatcher
