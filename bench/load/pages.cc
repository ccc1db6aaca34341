// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "measures.h"
#include "postgres.h"
#include "stamp.h"
#include "wire.h"

namespace load {
namespace {

class HttpPages {
 public:
  explicit HttpPages(const Options& options) : options_(options), wire_(options.address) {}

  void Read(std::int64_t since) {
    wire_.Send("GET /api/agent/runs/" + options_.targets.front() +
               "/events?view=raw&limit=100&since=" + std::to_string(since) +
               " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + options_.token +
               "\r\n\r\n");
    while (WholeHttpAnswer(wire_.input()) == 0) wire_.Receive();
    CheckHttpAnswer(wire_.input());
    if (wire_.input().find(R"("hasMore":)") == std::string::npos)
      Fail("not a page: " + wire_.input().substr(0, 500));
    wire_.input().clear();
  }

 private:
  const Options& options_;
  Wire wire_;
};

}  // namespace

Figures MeasurePages(const Options& options) {
  std::function<void(std::int64_t)> read;
  if (options.peer == "postgres") {
    read = [pages = std::make_shared<PostgresPages>(options.address, options.targets.front())](
               auto since) { pages->Read(since); };
  } else {
    read = [pages = std::make_shared<HttpPages>(options)](auto since) { pages->Read(since); };
  }
  std::vector<std::vector<std::int64_t>> took(options.since.size());
  for (int i = 0; i < options.count; ++i) {
    for (std::size_t place = 0; place < took.size(); ++place) {
      const std::int64_t began = Now();
      read(options.since[place]);
      took[place].push_back(Now() - began);
    }
  }
  Figures figures;
  for (std::size_t place = 0; place < took.size(); ++place) {
    figures.emplace_back("p50_us_at_" + std::to_string(options.since[place]),
                         Percentile(took[place], 0.5));
  }
  return figures;
}

}  // namespace load
