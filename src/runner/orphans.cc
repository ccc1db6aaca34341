// SPDX-License-Identifier: Apache-2.0
#include "runner/orphans.h"

#include "runner/log.h"

namespace vm0::runner {
namespace {

asio::awaitable<void> RemoveOnce(const Context& context, e2b::ControlPlane& control,
                                 const IsOwned& is_owned) {
  const auto sandboxes = co_await control.List(MetadataOf(context.options.machine));
  if (context.stop.stopped()) co_return;
  if (!sandboxes) {
    Log("", "can't look for sandboxes that are nobody's: " + sandboxes.error().message);
    co_return;
  }
  for (const auto& sandbox : *sandboxes) {
    if (is_owned(sandbox)) continue;
    Log(RunOf(sandbox), "sandbox " + sandbox.id + " is nobody's: it is removed");
    const Status removed = co_await control.Delete(sandbox.id);
    if (context.stop.stopped()) co_return;
    if (!removed) Log(RunOf(sandbox), "it can't be removed: " + removed.error().message);
  }
}

}  // namespace

asio::awaitable<void> RemoveOrphans(Context& context, const Cloud& cloud, IsOwned is_owned) {
  e2b::ControlPlane control(context.loop, context.clock, cloud.account);
  const StopSignal::Hook hook(context.stop, [&control] { control.Close(); });
  while (!context.stop.stopped()) {
    co_await RemoveOnce(context, control, is_owned);
    co_await context.Pause(kOrphanCheck);
  }
}

}  // namespace vm0::runner
