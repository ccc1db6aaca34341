// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"
#include "api/run_view.h"
#include "event/record.h"

namespace vm0::api {
namespace {

constexpr std::int64_t kDefaultListed = 50;
constexpr std::int64_t kMaxListed = 100;
constexpr std::int64_t kMaxRecords = 1000;
constexpr std::size_t kPageBytes = 8 << 20;

// Whose runs may be proved: one's own; the admin, who has the database itself, proves all of it.
Result<store::Run> FindProvable(const Call& call) {
  if (!call.principal.is_admin()) return FindOwnRun(call, call.id);
  VM0_ASSIGN(const RunId id, ParseRunId(call.id));
  VM0_ASSIGN(std::optional<store::Run> run, call.reader().runs.FindRun(id));
  if (!run) return Fail(Code::kNotFound, "Agent run not found");
  return *std::move(run);
}

// The row as it is stored now, not as the store remembers it: what is proved is the database.
Result<store::Run> ReadAnew(const Call& call, const store::Run& run) {
  store::RunFilter same;
  same.created_since = same.created_until = run.created_at;
  same.limit = std::numeric_limits<int>::max();
  VM0_ASSIGN(std::vector<store::Run> rows, call.reader().runs.ListRuns(same));
  for (store::Run& row : rows)
    if (row.id == run.id) return std::move(row);
  return Fail(Code::kIo, "run " + run.id.ToString() + ": its row has changed behind our back");
}

std::string FormatEnd(const store::RunEnd& end) {
  ObjectWriter body;
  body.Text("status", store::NameOf(end.status)).Number("lastSequence", end.last_sequence);
  body.Text("hash", end.hash).Bool("outputComplete", end.output_complete);
  if (end.hashed_by) body.Text("hashedBy", store::NameOf(*end.hashed_by));
  body.Time("createdAt", end.created_at);
  return body.Take();
}

// What is said of the run's events, to be compared with them. An end record that can't be read is
// told, not an error: there are other runs in the list.
Result<std::string> FormatProof(const Call& call, const store::Run& run) {
  store::EventLog& events = call.reader().events;
  VM0_ASSIGN(const std::int64_t last, events.LastSequence(run.id));
  const auto end = events.FindEnd(run.id);
  VM0_ASSIGN(const store::Pruned pruned, events.FindPruned(run.id));
  ObjectWriter body;
  body.Text("id", run.id.ToString()).Text("status", store::NameOf(run.status));
  body.Number("lastSequence", last);
  if (!end) {
    body.Text("error", end.error().message);
  } else if (*end) {
    body.Raw("end", FormatEnd(**end));
  }
  body.RawIf("pruned", FormatPruned(pruned));
  return body.Take();
}

Result<store::RunFilter> ParseFilter(const Call& call) {
  store::RunFilter filter;
  if (!call.principal.is_admin()) filter.user_id = call.principal.user_id;
  VM0_ASSIGN(const std::int64_t limit,
             IntQuery(call.target, "limit", 1, kMaxListed, kDefaultListed));
  filter.limit = static_cast<int>(limit);
  if (const auto before = call.target.Query("before")) {
    VM0_ASSIGN(filter.before, ParseRunId(*before));
  }
  return filter;
}

}  // namespace

asio::awaitable<Result<Answer>> GetProof(Call& call) {
  VM0_CO_ASSIGN(const store::Run known, FindProvable(call));
  VM0_CO_ASSIGN(const store::Run run, ReadAnew(call, known));
  VM0_CO_ASSIGN(std::string body, FormatProof(call, run));
  co_return JsonResponse(200, std::move(body));
}

asio::awaitable<Result<Answer>> ListProofs(Call& call) {
  VM0_CO_ASSIGN(const store::RunFilter filter, ParseFilter(call));
  VM0_CO_ASSIGN(const std::vector<store::Run> runs, call.reader().runs.ListRuns(filter));
  std::string list = "[";
  for (const store::Run& run : runs) {
    if (list.size() > 1) list += ',';
    VM0_CO_ASSIGN(const std::string proof, FormatProof(call, run));
    list += proof;
  }
  ObjectWriter body;
  body.Raw("proofs", list + "]");
  co_return JsonResponse(200, body.Take());
}

// From the store, not from what the feed has in memory.
asio::awaitable<Result<Answer>> GetRecords(Call& call) {
  VM0_CO_ASSIGN(const store::Run run, FindProvable(call));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  VM0_CO_ASSIGN(const std::int64_t since, IntQuery(call.target, "since", 0, kMost, 0));
  VM0_CO_ASSIGN(const std::int64_t limit,
                IntQuery(call.target, "limit", 1, kMaxRecords, kMaxRecords));
  VM0_CO_ASSIGN(
      store::StoredRecords records,
      call.reader().events.ReadRecords(run.id, since, static_cast<int>(limit), kPageBytes));
  // After the records: they may have been pruned meanwhile.
  VM0_CO_ASSIGN(const store::Pruned pruned, call.reader().events.FindPruned(run.id));
  if (since < pruned.to)
    co_return Fail(Error{Code::kEventsPruned,
                         "the records up to " + std::to_string(pruned.to) + " were pruned",
                         pruned.to + 1});
  http::Response response;
  response.headers.Set("Content-Type", std::string(event::kRecordContentType));
  response.headers.Set("Cache-Control", "no-store");
  if (records.first_damaged)
    response.headers.Set("Vm0-First-Damaged", std::to_string(*records.first_damaged));
  response.body = std::move(records.lines);
  co_return response;
}

}  // namespace vm0::api
