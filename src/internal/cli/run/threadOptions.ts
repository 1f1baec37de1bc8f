/**
 * What the configuration of `emp run --threads N` means to each of its nodes: each has a place of its own to listen, counted up from that
 * of the first one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as os from "node:os"
import { InvalidOption } from "../../../Node.ts"
import type { RunOptions } from "../../config/options.ts"
import { formatThread } from "../../transport/threadAddress.ts"
import { webSocketSchemes } from "../../transport/webSocket/address.ts"
import {
  bare,
  formatAddress,
  parseAddress,
  readLabel,
  schemeOf,
  splitAddresses,
  threadScheme,
  unixScheme,
  writeLabel
} from "../../values/address.ts"
import type { ThreadOrders } from "./orders.ts"

type Options = Pick<RunOptions, "nodeId" | "binds" | "advertise" | "seeds" | "metrics" | "threads">

/** How many nodes the process is to have. */
export const countOf = ({ threads = 1 }: Pick<RunOptions, "threads">): number =>
  threads === "auto" ? os.availableParallelism() : threads

const isThread = (address: string): boolean => schemeOf(readLabel(address).address) === threadScheme

/** Those of the first node, which has this whole ID: the others find it within the process. */
export const ofFirst = <O extends Options>(options: O, nodeId: string): O => {
  const binds = splitAddresses(options.binds ?? ["*"])
  return {
    ...options,
    nodeId,
    binds: binds.some(isThread) ? binds : [...binds, `${threadScheme}:`],
    advertise: options.advertise && [...options.advertise, formatThread(nodeId)]
  }
}

/** Those of a further node. */
export const ofThread = <O extends Options>(
  options: O,
  { index, nodeId, seed }: ThreadOrders
): Effect.Effect<O, InvalidOption> =>
  Effect.gen(function*() {
    const moved = (option: "binds" | "advertise" | "metrics", addresses: ReadonlyArray<string>) =>
      Effect.forEach(splitAddresses(addresses), (address) => {
        const found = countUp(address, index)
        return found === undefined
          ? Effect.fail(
            new InvalidOption({
              option,
              problem: `${JSON.stringify(address)} leaves no address for ${index + 1} threads`
            })
          )
          : Effect.succeed(found)
      })
    const binds = yield* moved("binds", options.binds ?? ["*"])
    const [metrics] = yield* moved("metrics", options.metrics === undefined ? [] : [options.metrics])
    return {
      ...options,
      nodeId,
      seeds: [seed],
      threads: 1,
      metrics,
      binds: binds.some(isThread) ? binds : [...binds, `${threadScheme}:`],
      advertise: options.advertise && [...yield* moved("advertise", options.advertise), formatThread(nodeId)]
    }
  })

/** Whether there is a place for each node: the last one has to go the farthest for it. */
export const checkThreads = (options: Options): Effect.Effect<void, InvalidOption> => {
  const index = countOf(options) - 1
  return index === 0 ? Effect.void : Effect.asVoid(ofThread(options, { nodeId: "", index, seed: "" }))
}

/** The address of the nth node after the one that has this address; `undefined` if there cannot be one. Where a port is free, any is. */
export const countUp = (text: string, by: number): string | undefined => {
  const { address, label } = readLabel(text)
  const found = countUpBare(address, by)
  return found === undefined ? undefined : writeLabel({ address: found, label })
}

const countUpBare = (address: string, by: number): string | undefined => {
  const scheme = schemeOf(address)
  if (scheme === threadScheme) return address
  if (scheme === unixScheme) return `${address}.${by}`
  if (scheme !== undefined && webSocketSchemes.includes(scheme)) {
    const [, before = "", port, after = ""] = /^(\w+:\/\/(?:\[[^\]]*\]|[^:/?[\]]*)):(\d+|\*)(.*)$/.exec(address) ?? []
    const next = port === undefined
      ? undefined
      : port === "*" || Number(port) === 0
      ? port
      : portAfter(Number(port), by)
    return next === undefined ? undefined : `${before}:${next}${after}`
  }
  if (scheme !== bare) return undefined
  if (/^\d+$/.test(address)) return portAfter(Number(address), by)
  const read = parseAddress(address, "")
  if (read === undefined || read.port === 0) return address
  const port = portAfter(read.port, by)
  return port === undefined ? undefined : formatAddress({ host: read.host, port: Number(port) })
}

const portAfter = (port: number, by: number): string | undefined =>
  port + by > 65535 ? undefined : String(port === 0 ? 0 : port + by)
