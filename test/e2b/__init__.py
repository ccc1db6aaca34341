# SPDX-License-Identifier: Apache-2.0
"""A server that speaks E2B's API, with sandboxes that are boxes on this machine. See README.md."""
