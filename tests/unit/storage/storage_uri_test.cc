// SPDX-License-Identifier: Apache-2.0
#include "storage/storage_uri.h"

#include <gtest/gtest.h>

namespace weir::storage {
namespace {

TEST(StorageRoot, ReadsFoldersAndBuckets) {
  const auto folder = StorageRoot::parse("file:///var/lib/my weir/objects/");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(folder->scheme(), StorageScheme::File);
  EXPECT_EQ(folder->place(), "/var/lib/my weir/objects");
  const auto bucket = StorageRoot::parse("s3://my-bucket/some/prefix/");
  ASSERT_TRUE(bucket.ok());
  EXPECT_EQ(bucket->scheme(), StorageScheme::S3);
  EXPECT_EQ(bucket->place(), "my-bucket");
  EXPECT_TRUE(StorageRoot::parse("s3://my.bucket/").ok());
}

TEST(StorageRoot, IsMadeOfAFolderWithOrWithoutASlash) {
  for (const char* path : {"/var/objects", "/var/objects/", "/var/objects//"}) {
    const auto root = StorageRoot::of_folder(path);
    ASSERT_TRUE(root.ok()) << path;
    EXPECT_EQ(root->uri(), "file:///var/objects/");
  }
  for (const char* path : {"", "/", "objects", "./objects", "/var/../objects", "/var//objects"}) {
    EXPECT_FALSE(StorageRoot::of_folder(path).ok()) << path;
  }
}

TEST(StorageRoot, RefusesWhatIsNotCanonical) {
  using std::string_literals::operator""s;
  const std::vector<std::string> hostile = {
      "",
      "/var/objects/",
      "file://",
      "file:///",
      "file:///a",
      "file://host/a/",
      "file:///a/../b/",
      "file:///a/./b/",
      "file:///a//b/",
      "file:///a/%2e%2e/",
      "file:///a?b/",
      "file:///a#b/",
      "file:///a\\b/",
      "file:///a*/",
      "file:///a\0/"s,
      "file:///\xff/",
      "FILE:///a/",
      "http://bucket/a/",
      "s3://",
      "s3:///a/",
      "s3://bucket",
      "s3://Bucket/a/",
      "s3://b/a/",
      "s3://-bucket/a/",
      "s3://bu..cket/a/",
      "s3://user@bucket/a/",
      "s3://bucket:80/a/",
      "s3://bucket/a",
      "s3://bucket//",
      "s3://bucket/a//b/",
      "s3://bucket/../a/",
      "s3://bucket/a/*/",
      "s3://bucket/a b/",
      "file:///" + std::string(3000, 'a') + "/",
  };
  for (const std::string& uri : hostile) {
    const auto root = StorageRoot::parse(uri);
    ASSERT_FALSE(root.ok()) << uri;
    EXPECT_TRUE(root.error().reason() == "uri_invalid" || root.error().reason() == "key_invalid");
  }
}

TEST(StorageRoot, TranslatesBothWays) {
  const StorageRoot root = *StorageRoot::parse("s3://bucket/weir/");
  const ObjectKey key = *ObjectKey::parse("a/b.parquet");
  const ObjectPrefix prefix = *ObjectPrefix::parse("a/c/");
  EXPECT_EQ(root.uri_of(key), "s3://bucket/weir/a/b.parquet");
  EXPECT_EQ(*root.key_of(root.uri_of(key)), key);
  EXPECT_EQ(*root.prefix_of(root.uri_of(prefix)), prefix);
}

TEST(StorageRoot, NamesNothingOutsideItself) {
  const StorageRoot root = *StorageRoot::parse("file:///var/objects/");
  for (const char* uri :
       {"file:///var/objects/", "file:///var/objects/../secret", "file:///var/objects//a",
        "file:///var/objectsx/a", "file:///etc/passwd", "s3://bucket/a", "a", "",
        "file:///var/objects/a/../../b", "file:///var/objects/%2e%2e/a",
        "file:///var/objects/.tmp/a", "file:///var/objects/a/"}) {
    const auto key = root.key_of(uri);
    ASSERT_FALSE(key.ok()) << uri;
    EXPECT_EQ(key.error().reason(), "uri_invalid");
  }
  for (const char* uri :
       {"file:///var/objects/", "file:///var/objects/a", "file:///var/objects/a//",
        "file:///var/objects/../", "file:///var/objectsx/a/"}) {
    const auto prefix = root.prefix_of(uri);
    ASSERT_FALSE(prefix.ok()) << uri;
    EXPECT_EQ(prefix.error().reason(), "uri_invalid");
  }
}

}  // namespace
}  // namespace weir::storage
