// SPDX-License-Identifier: Apache-2.0
#include "runner/context.h"

#include <utility>

#include "os/wakeup.h"

namespace vm0::runner {

Context::Context(asio::io_context& the_loop, os::Clock& the_clock, RunnerOptions the_options,
                 http::Endpoint the_endpoint)
    : loop(the_loop),
      clock(the_clock),
      options(std::move(the_options)),
      endpoint(std::move(the_endpoint)),
      uids(options.first_run_uid, options.last_run_uid, options.uid_registry),
      side_threads(loop) {}

asio::awaitable<void> Context::Pause(Micros delay) {
  if (stop.stopped()) co_return;
  os::Wakeup wakeup;
  const StopSignal::Hook hook(stop, [&wakeup] { wakeup.Wake(); });
  co_await wakeup.Wait(clock, clock.Now() + delay);
}

}  // namespace vm0::runner
