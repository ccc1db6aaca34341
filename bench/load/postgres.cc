// SPDX-License-Identifier: Apache-2.0
#include "postgres.h"

#include <libpq-fe.h>

#include <vector>

#include "stamp.h"

namespace load {
namespace {

class Session {
 public:
  explicit Session(const std::string& connection) : connection_(PQconnectdb(connection.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) Fail(PQerrorMessage(connection_));
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;

  PGconn* get() const { return connection_; }

  void Prepare(const std::string& statement) {
    PGresult* result = PQprepare(connection_, "s", statement.c_str(), 0, nullptr);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) Fail(PQerrorMessage(connection_));
    PQclear(result);
  }

 private:
  PGconn* connection_;
};

constexpr char kGapless[] =
    "WITH number AS (UPDATE streams SET last = last + 1 WHERE id = $1::int RETURNING last) "
    "INSERT INTO events SELECT $1::int, last, $2 FROM number";

// One row for each record, numbered from $2 on.
std::string InsertOf(int rows) {
  std::string statement = "INSERT INTO events VALUES ";
  for (int i = 0; i < rows; ++i) {
    if (i > 0) statement += ',';
    statement += "($1::int,$2::bigint+" + std::to_string(i) + ",$" + std::to_string(i + 3) + ")";
  }
  return statement;
}

class PostgresAppender : public Appender {
 public:
  PostgresAppender(const Options& options, std::string stream)
      : options_(options), stream_(std::move(stream)), session_(options.address) {
    session_.Prepare(is_gapless() ? kGapless : InsertOf(options.batch));
  }

  int fd() const override { return PQsocket(session_.get()); }

  void Append() override {
    std::vector<std::string> words = {stream_};
    // Apart from what other connections, and earlier measures, number.
    if (!is_gapless()) words.push_back(std::to_string(next_));
    next_ += options_.batch;
    for (int i = 0; i < options_.batch; ++i) words.push_back(StampedRecord(options_.bytes));
    std::vector<const char*> values;
    for (const std::string& word : words) values.push_back(word.c_str());
    if (PQsendQueryPrepared(session_.get(), "s", static_cast<int>(values.size()), values.data(),
                            nullptr, nullptr, 0) == 0) {
      Fail(PQerrorMessage(session_.get()));
    }
  }

  bool Answered() override {
    if (PQconsumeInput(session_.get()) == 0) Fail(PQerrorMessage(session_.get()));
    if (PQisBusy(session_.get()) != 0) return false;
    while (PGresult* result = PQgetResult(session_.get())) {
      if (PQresultStatus(result) != PGRES_COMMAND_OK) Fail(PQerrorMessage(session_.get()));
      PQclear(result);
    }
    return true;
  }

 private:
  bool is_gapless() const { return options_.peer == "postgres-gapless"; }

  const Options& options_;
  const std::string stream_;
  Session session_;
  std::int64_t next_ = Now();
};

}  // namespace

std::unique_ptr<Appender> MakePostgresAppender(const Options& options, const std::string& stream) {
  return std::make_unique<PostgresAppender>(options, stream);
}

void ExecuteSql(const Options& options) {
  const Session session(options.address);
  for (const std::string& statement : options.command) {
    PGresult* result = PQexec(session.get(), statement.c_str());
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      Fail(PQerrorMessage(session.get()));
    PQclear(result);
  }
}

struct PostgresPages::Impl {
  Session session;
  std::string stream;
};

PostgresPages::PostgresPages(const std::string& connection, const std::string& stream)
    : impl_(new Impl{Session(connection), stream}) {
  impl_->session.Prepare(
      "SELECT seq, data FROM events WHERE stream = $1::int AND seq > $2::bigint ORDER BY seq LIMIT "
      "100");
}

PostgresPages::~PostgresPages() = default;

void PostgresPages::Read(std::int64_t since) {
  const std::string from = std::to_string(since);
  const char* values[] = {impl_->stream.c_str(), from.c_str()};
  PGresult* result = PQexecPrepared(impl_->session.get(), "s", 2, values, nullptr, nullptr, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) Fail(PQerrorMessage(impl_->session.get()));
  if (PQntuples(result) != 100)
    Fail("postgres: a page has " + std::to_string(PQntuples(result)) + " rows");
  PQclear(result);
}

}  // namespace load
