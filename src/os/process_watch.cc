// SPDX-License-Identifier: Apache-2.0
#include "os/process_watch.h"

#include <poll.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

namespace vm0::os {

struct ProcessWatch::State {
  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> ended;

  bool has_ended() {
    pollfd process{descriptor.native_handle(), POLLIN, 0};
    return ::poll(&process, 1, 0) > 0;
  }

  static void Wait(const std::shared_ptr<State>& state) {
    auto taken = [weak = std::weak_ptr(state)](const boost::system::error_code& error) {
      const auto found = weak.lock();
      if (error || !found) return;
      // Asio gives the records of closed descriptors to new ones, and with them now and then an
      // event that was under way.
      if (!found->has_ended()) return Wait(found);
      const auto action = std::move(found->ended);
      action();
    };
    state->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 std::move(taken));
  }
};

ProcessWatch::ProcessWatch(const boost::asio::any_io_executor& executor, Fd pidfd,
                           std::function<void()> ended)
    : state_(new State{boost::asio::posix::stream_descriptor(executor, pidfd.Release()),
                       std::move(ended)}) {
  State::Wait(state_);
}

ProcessWatch::~ProcessWatch() = default;

}  // namespace vm0::os
