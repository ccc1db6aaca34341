// SPDX-License-Identifier: Apache-2.0
#include "cli/field_list.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

std::string FieldsOf(std::string_view json) { return FormatFields(*ParseJsonObject(json, "run")); }

TEST(FieldList, IndentsObjectsBelowTheirNames) {
  EXPECT_EQ(FieldsOf(R"({"runId":"1","id":"1","limits":{"pids":5,"x":{}},"secrets":["A"]})"),
            "id: 1\nlimits:\n  pids: 5\n  x: {}\nsecrets: [\"A\"]\n");
}

TEST(FieldList, ATextOfAnAgentNeverLooksLikeAField) {
  EXPECT_EQ(FieldsOf(R"({"status":"failed","result":{"output":"done\nstatus: completed"}})"),
            "status: failed\nresult:\n  output: done\n    status: completed\n");
}

TEST(FieldList, IsHarmlessForATerminal) {
  EXPECT_EQ(FieldsOf(R"({"e\u001b":"x\u001b[31m"})"), "e␛: x␛[31m\n");
}

}  // namespace
}  // namespace vm0::cli
