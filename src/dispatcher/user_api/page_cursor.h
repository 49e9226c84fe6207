// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dispatcher/ports/registry_reader.h"

namespace weir::dispatcher {

/// What a listing's keys are made of; one letter each on the wire, so that the cursor of one list
/// is no cursor of another.
enum class PageKeyForm : std::uint8_t {
  Text,             ///< a name
  Number,           ///< a version number
  Id,               ///< a UUID
  InstantAndId,     ///< microseconds and a UUID
  InstantAndNumber  ///< microseconds and a row's number
};

/// `next_cursor`: opaque to clients, base64url of letter, number and text.
std::string write_page_cursor(PageKeyForm form, const PageKey& key);
/// Reads one back. INVALID_ARGUMENT `invalid_request` if it is none of that form: nothing that
/// comes out of it can fail in the database.
Result<PageKey> read_page_cursor(PageKeyForm form, std::string_view text);

}  // namespace weir::dispatcher
