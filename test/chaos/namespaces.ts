/**
 * Two hosts on one machine: network namespaces with a cable between them, which can be cut so that neither side is told.
 * Needs root and `ip` of iproute2.
 */
import { execFileSync } from "node:child_process"

const ip = (...args: ReadonlyArray<string>): void => {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] })
}

export interface Hosts {
  /** The command with which a program runs on a host, and the host's address. */
  readonly hosts: ReadonlyArray<{ readonly run: ReadonlyArray<string>; readonly address: string }>
  /** Packets are dropped from here on, in both directions. */
  readonly cut: () => void
  readonly heal: () => void
  readonly remove: () => void
}

/** Makes two hosts, or answers why that cannot be done here. */
export const makeHosts = (): Hosts | string => {
  const names = [1, 2].map((n) => `emp-${process.pid}-${n}`)
  // Names of devices are short.
  const devices = [1, 2].map((n) => `emp${process.pid % 100_000}-${n}`)
  const addresses = ["10.213.7.1", "10.213.7.2"]
  const remove = (): void => {
    for (const name of names) {
      try {
        ip("netns", "del", name)
      } catch {
        // It was not there.
      }
    }
  }
  // A route that drops: nothing is refused, nothing is reset.
  const onBoth = (verb: "add" | "del"): void => {
    for (const [i, name] of names.entries()) {
      ip("-n", name, "route", verb, "blackhole", `${addresses[1 - i]}/32`)
    }
  }
  try {
    for (const name of names) ip("netns", "add", name)
    ip("-n", names[0]!, "link", "add", devices[0]!, "type", "veth", "peer", "name", devices[1]!, "netns", names[1]!)
    for (const [i, name] of names.entries()) {
      ip("-n", name, "addr", "add", `${addresses[i]}/24`, "dev", devices[i]!)
      ip("-n", name, "link", "set", devices[i]!, "up")
      ip("-n", name, "link", "set", "lo", "up")
    }
  } catch (error) {
    remove()
    return error instanceof Error ? error.message.trim() : String(error)
  }
  return {
    hosts: names.map((name, i) => ({ run: ["ip", "netns", "exec", name], address: addresses[i]! })),
    cut: () => onBoth("add"),
    heal: () => onBoth("del"),
    remove
  }
}
