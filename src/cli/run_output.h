// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect.h"
#include "cli/output.h"
#include "cli/run_options.h"
#include "client/user_client.h"
#include "term/renderer.h"

namespace vm0::cli {

// Which events are shown.
enum class Selection {
  kAll,
  kSystem,   // of source stderr and vm0 only, on stdout
  kNetwork,  // what the agent did on the network only, on stdout
};
bool IsSelected(Selection selection, const client::ReceivedEvent& event);

// Whether text is shown while it is written (pieces, --partial) or when it is whole.
enum class Text { kWhole, kPieces };

// Where the events of a run go: each to stdout or stderr, in one of the formats of run_options.h.
//   kText  agent and stdout events on stdout, rendered; stderr and vm0 events on stderr, dim; of
//   the
//          network only what was refused, unless verbose
//   kJson  the API's envelope of each event on stdout
//   kRaw   the bytes of agent and stdout events on stdout, as the agent wrote them
//   kNone  nothing
// What kJson and kRaw print is byte for byte what is stored, except on a terminal, where control
// characters are made harmless.
class RunOutput {
 public:
  RunOutput(Output& output, ShowOptions options, Text text, Selection selection);

  // Errors of writing stdout; a stderr that nobody reads is no reason to stop.
  asio::awaitable<Status> Show(const client::EventPage& page);
  // After the last page.
  asio::awaitable<Status> Finish();
  // How many events were of the selection.
  std::int64_t shown() const { return shown_; }

 private:
  // Bytes for one of the streams; neighbours are written as one.
  struct Piece {
    bool to_stderr;
    std::string bytes;
  };

  void Add(const client::ReceivedEvent& event);
  void AddText(const client::ReceivedEvent& event);
  void AddNotice(const client::ReceivedEvent& event);
  void AddRaw(const client::ReceivedEvent& event);
  void Append(bool to_stderr, std::string_view bytes);
  asio::awaitable<Status> Flush();

  Output& output_;
  ShowOptions options_;
  Selection selection_;
  term::Renderer renderer_;
  bool is_terminal_;
  const agent::Dialect* dialect_ = nullptr;
  std::vector<Piece> pieces_;
  std::int64_t shown_ = 0;
};

// What a vm0 event says to people.
std::string TextOfVm0Event(std::string_view json);

}  // namespace vm0::cli
