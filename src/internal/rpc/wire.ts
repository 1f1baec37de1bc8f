/**
 * What the two ports of a connection say to each other. The tags are those of the ports' handlers, and arguments are positional:
 *
 * | to the server                                                                | |
 * | ---------------------------------------------------------------------------- | --- |
 * | `q id tag payload [discard headers [traceId spanId sampled]]`                 | a request; headers are a flat list of names and values |
 * | `a id`                                                                       | a chunk of its stream was taken |
 * | `i id`                                                                       | nobody waits for its answer any more |
 *
 * | to the client | |
 * | ------------- | --- |
 * | `x id exit`   | how a request ended |
 * | `c id values` | a chunk of its stream |
 * | `d defect`    | what ends all requests of the client |
 *
 * `payload`, `exit`, `values` and `defect` are what the codec of the serialization makes of them: bytes, of most. Each side takes the
 * other for a stranger: what is not of this form is answered with `undefined` here.
 *
 * @internal
 */
import type {
  FromClientEncoded,
  FromServerEncoded,
  RequestEncoded,
  ResponseChunkEncoded,
  ResponseDefectEncoded,
  ResponseExitEncoded
} from "effect/rpc/RpcMessage"
import type { Message } from "../port/receiver.ts"
import { nameOf } from "../values/portId.ts"

/** The function that a client spawns its partner with, on the node of the server: `effect_mp::rpc::NAME CLIENT FORMAT`. */
export const connectFunction = (server: string): string => `effect_mp::rpc::${nameOf(server)}`

type RequestId = string | number

const isRequestId = (value: unknown): value is RequestId => typeof value === "number" || typeof value === "string"

/** A message for the server; what ports need no words for is none. */
export const toServer = (message: FromClientEncoded): Message | undefined => {
  switch (message._tag) {
    case "Request":
      return requestMessage(message)
    case "Ack":
      return ["a", message.requestId]
    case "Interrupt":
      return ["i", message.requestId]
    case "Eof":
    case "Ping":
      return undefined
  }
}

const requestMessage = (request: RequestEncoded): Message => {
  const { discard = false, headers, id, payload, sampled, spanId, tag, traceId } = request
  if (spanId !== undefined) return ["q", id, tag, payload, discard, headers.flat(), traceId, spanId, sampled]
  return discard || headers.length > 0 ? ["q", id, tag, payload, discard, headers.flat()] : ["q", id, tag, payload]
}

/** A request as the server gets it: an object of its own, since the server writes into it. */
export const readRequest = (
  id: unknown,
  tag: unknown,
  payload: unknown,
  discard: unknown = false,
  flat: unknown = [],
  traceId?: unknown,
  spanId?: unknown,
  sampled?: unknown
): RequestEncoded | undefined => {
  const headers = readHeaders(flat)
  if (!isRequestId(id) || typeof tag !== "string" || typeof discard !== "boolean" || headers === undefined) {
    return undefined
  }
  const request = discard
    ? { _tag: "Request", id, tag, payload, headers, discard } as const
    : { _tag: "Request", id, tag, payload, headers } as const
  if (spanId === undefined) return request
  if (typeof traceId !== "string" || typeof spanId !== "string" || typeof sampled !== "boolean") return undefined
  return { ...request, traceId, spanId, sampled }
}

const readHeaders = (flat: unknown): Array<[string, string]> | undefined => {
  if (!Array.isArray(flat) || flat.length % 2 !== 0) return undefined
  const headers: Array<[string, string]> = []
  for (let i = 0; i < flat.length; i += 2) {
    const [name, value]: ReadonlyArray<unknown> = [flat[i], flat[i + 1]]
    if (typeof name !== "string" || typeof value !== "string") return undefined
    headers.push([name, value])
  }
  return headers
}

/** An acknowledgement or an interruption. */
export const readNote = <Tag extends "Ack" | "Interrupt">(
  _tag: Tag,
  requestId: unknown
): { readonly _tag: Tag; readonly requestId: RequestId } | undefined =>
  isRequestId(requestId) ? { _tag, requestId } : undefined

/** A message for the client; what ports need no words for is none. */
export const toClient = (message: FromServerEncoded): Message | undefined => {
  switch (message._tag) {
    case "Exit":
      return ["x", message.requestId, message.exit]
    case "Chunk":
      return ["c", message.requestId, message.values]
    case "Defect":
      return ["d", message.defect]
    case "Pong":
    case "Request":
    case "ClientProtocolError":
      return undefined
  }
}

/** The codec looks into what it has made, and into nothing before that. */
export const readExit = (requestId: unknown, exit: unknown): ResponseExitEncoded | undefined =>
  isRequestId(requestId) ? { _tag: "Exit", requestId, exit: exit as ResponseExitEncoded["exit"] } : undefined

export const readChunk = (requestId: unknown, values: unknown): ResponseChunkEncoded | undefined =>
  isRequestId(requestId)
    ? { _tag: "Chunk", requestId, values: values as ResponseChunkEncoded["values"] }
    : undefined

export const readDefect = (defect: unknown): ResponseDefectEncoded => ({ _tag: "Defect", defect })
