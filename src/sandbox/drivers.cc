// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "sandbox/bubblewrap_driver.h"
#include "sandbox/none_driver.h"

namespace vm0::sandbox {
namespace {

std::array<const Driver*, 2> Drivers() { return {&BubblewrapDriver(), &NoneDriver()}; }

}  // namespace

const Driver* FindDriver(std::string_view name) {
  for (const Driver* driver : Drivers()) {
    if (driver->name() == name) return driver;
  }
  return nullptr;
}

std::vector<std::string_view> DriverNames() {
  std::vector<std::string_view> names;
  for (const Driver* driver : Drivers()) names.push_back(driver->name());
  return names;
}

}  // namespace vm0::sandbox
