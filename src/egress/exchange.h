// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "egress/agent_socket.h"
#include "egress/body.h"
#include "egress/entry.h"
#include "egress/idle_watch.h"
#include "egress/replacer.h"
#include "http/connection.h"
#include "os/task_group.h"

namespace vm0::egress {

// What is asked of a server for an agent.
struct Question {
  std::string head;  // as the server gets it, with the fields that `framing` needs
  Framing framing;
  std::string method;
  int minor_version = 1;        // the agent's
  bool stays = false;           // the agent would ask more on its connection
  bool expects_plain = false;   // refuse an answer with Content-Encoding: it could not be read
  bool wants_continue = false;  // the agent waits for 100 before it sends the body
};

// One request on its way to a server, and the answer on its way back; both stream, and each message
// is framed anew. What it is made of outlives it.
class Exchange {
 public:
  struct Parts {
    asio::any_io_executor executor;
    AgentSocket& agent;
    http::Connection& server;  // connected; closed at the end
    os::Clock& clock;
    Entry& entry;  // status, sent and received go here
  };
  // `replacer` changes what the agent gets of fields, body and failures; it keeps lengths.
  Exchange(Parts parts, Question question, Replacer replacer);

  struct Outcome {
    bool may_stay = false;         // the agent's connection can carry another request
    std::optional<Error> failure;  // nothing was answered, for this reason
    bool gone = false;             // the agent went away, and needs no answer
  };
  asio::awaitable<Outcome> Run();

 private:
  asio::awaitable<void> SendBody();
  asio::awaitable<Status> SendPieces();
  asio::awaitable<Result<ResponseHead>> ReadHead();
  asio::awaitable<Status> RelayBody(Framing framing);
  asio::awaitable<Status> WritePiece(std::string piece);
  std::string FormatHead(const ResponseHead& head, Framing framing) const;
  asio::awaitable<Outcome> Answer(ResponseHead head);
  bool Rechunks(Framing framing) const;
  Error Explain(Error error) const;

  Parts parts_;
  Question question_;
  Replacer replacer_;
  IdleWatch idle_;
  os::TaskGroup sending_;
  std::string input_;              // from the server
  std::optional<Error> bad_body_;  // the agent's body can't be sent on
  bool over_ = false;
  bool sent_ = false;
  bool gone_ = false;
  bool stays_ = false;
  bool chunks_ = false;  // the answer goes to the agent in chunks
};

}  // namespace vm0::egress
