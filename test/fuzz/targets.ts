/**
 * What is fuzzed: for the property tests and for `npm run fuzz` alike. Every check decides by its input alone, so that an
 * input is all that it takes to repeat a failure.
 */
import * as assert from "node:assert/strict"
import { isUtf8 } from "node:buffer"
import { CborScanner } from "../../src/internal/transport/framing/cborScanner.ts"
import { FramingError, type Limits } from "../../src/internal/transport/framing/framing.ts"
import { framings } from "../../src/internal/transport/framing/framings.ts"
import {
  formatAuth,
  formatGreeting,
  parseAuth,
  parseGreeting
} from "../../src/internal/transport/handshake/greeting.ts"
import { parse } from "../../src/internal/values/exactJson.ts"
import { type Carries, copy, type Culprit, culprit, type PeerKind } from "../../src/internal/values/plainData.ts"
import { isNodeId, isPortId, nameOf, nodeOf } from "../../src/internal/values/portId.ts"
import { inChunks } from "../internal/transport/framing/chunking.ts"
import { readPlainCbor } from "../internal/transport/framing/plainCbor.ts"
import { recorded } from "../internal/transport/handshake/recordedHandshakes.ts"
import { decoder as packetDecoder, encoder, type Packet } from "../packets.ts"
import { SeededRandom } from "../simulation/random.ts"
import { attack, randomAttack, replays } from "./attacker.ts"
import { secondOpinion, withoutBignums } from "./cborX.ts"
import { randomBytes, randomCbor, randomJson } from "./inputs.ts"
import { randomPacket, randomSizes, unsendable } from "./plainPackets.ts"

export interface Target {
  /** Recorded from Perl nodes, or of that kind. */
  readonly corpus: ReadonlyArray<Uint8Array>
  /** Words of its language, for mutations. */
  readonly tokens: ReadonlyArray<Uint8Array>
  /** A valid input. */
  readonly generate: (random: SeededRandom) => Uint8Array
  /** Answers what became of an input; throws if that is wrong. */
  readonly check: (input: Uint8Array) => string
}

const hex = (...texts: ReadonlyArray<string>): ReadonlyArray<Uint8Array> =>
  texts.map((text) => Buffer.from(text.replaceAll(" ", ""), "hex"))
const latin1 = (...texts: ReadonlyArray<string>): ReadonlyArray<Uint8Array> =>
  texts.map((text) => Buffer.from(text, "latin1"))

/** Chance that depends on the input alone. */
const chanceOf = (input: Uint8Array): SeededRandom => new SeededRandom(Buffer.from(input).toString("latin1"))

/** Where to cut so many bytes: anywhere, or into single bytes. */
const cuts = (random: SeededRandom, length: number): ReadonlyArray<number> => {
  const longest = random.chance(0.3) ? 1 : random.int(1, 20)
  const at: Array<number> = []
  for (let next = 0; next < length; next += random.int(1, longest)) at.push(next)
  return [...at, length]
}

/** What a decoder answered to all chunks, or why it ended the link. */
type Outcome = { readonly packets: ReadonlyArray<Packet> } | { readonly refused: string }

const decodeIn = (
  decode: ReturnType<typeof packetDecoder>,
  input: Uint8Array,
  cuts: ReadonlyArray<number>
): Outcome => {
  const packets: Array<Packet> = []
  try {
    for (let i = 1; i < cuts.length; i++) {
      const chunk = Uint8Array.from(input.subarray(cuts[i - 1], cuts[i]))
      packets.push(...decode(chunk))
      // The chunk belongs to the socket.
      chunk.fill(0xff)
    }
    return { packets }
  } catch (error) {
    if (!(error instanceof FramingError)) throw error
    return { refused: `${error.reason}: ${error.message}` }
  }
}

/** Decodes in one chunk and in others, which must come to the same. Small limits are met more often. */
const decodeBoth = (name: string, input: Uint8Array, kind: PeerKind): Outcome => {
  const random = chanceOf(input)
  const options = { maxMessageSize: random.chance(0.2) ? random.int(1, 200) : 1_000_000, kind }
  const decoder = () => packetDecoder(framings.get(name)!, options)
  const whole = decodeIn(decoder(), input, [0, input.length])
  assert.deepStrictEqual(decodeIn(decoder(), input, cuts(random, input.length)), whole)
  return whole
}

/** An empty packet is a sign of life, and no message. */
const isNotEmpty = (packet: unknown): boolean => Array.isArray(packet) && packet.length > 0

/** Outcomes of a kind are one: refusals without what they cite, packets by the kinds of values in them. */
const summary = (outcome: Outcome): string => {
  if ("refused" in outcome) return outcome.refused.replaceAll(/['"].*|\d+/gs, "")
  const kinds = new Set<string>()
  for (const packet of outcome.packets) addKinds(packet, kinds)
  return `${Math.min(outcome.packets.length, 3)} packets of ${Array.from(kinds).toSorted().join(", ")}`
}

const addKinds = (value: unknown, kinds: Set<string>): void => {
  if (value === null) kinds.add("null")
  else if (value instanceof Uint8Array) kinds.add("bytes")
  else if (typeof value === "object") {
    kinds.add(Array.isArray(value) ? "array" : "object")
    for (const inner of Object.values(value)) addKinds(inner, kinds)
  } else kinds.add(typeof value === "number" && !Number.isInteger(value) ? "float" : typeof value)
}

/** What may be sent again to our own kind arrives as it was, and is sent as the same bytes then. */
const checkSentAgain = (arrived: Packet, framing: "cbor" | "json"): void => {
  const packet = ["port", arrived]
  if (culprit(packet, framing) !== undefined) return
  const encode = encoder(framings.get(framing)!, "own")
  const sent = encode(packet)
  const [again] = packetDecoder(framings.get(framing)!, { maxMessageSize: Infinity, kind: "own" })(sent)
  assert.deepStrictEqual(again, packet)
  assert.ok(encode(again!).equals(sent))
}

/** A decoder makes nothing but plain data. Bigints may be too large to be sent, and escapes in JSON spell half characters. */
const checkPlain = (packet: Packet): void => {
  assert.ok(Array.isArray(packet))
  const what = culprit(packet)?.what
  if (what !== undefined) assert.match(what, /^a bigint of more than 64 bits$|lone surrogate$/)
}

/** The index behind the last packet that ends. */
const endOfPackets = (scanner: CborScanner, input: Uint8Array, cuts: ReadonlyArray<number>): number => {
  let end = 0
  for (let i = 1; i < cuts.length; i++) {
    const chunk = input.subarray(cuts[i - 1], cuts[i])
    for (let at = 0; at < chunk.length;) {
      at = scanner.scan(chunk, at)
      if (scanner.isBetween) end = cuts[i - 1]! + at
    }
  }
  return end
}

const checkScanner = (input: Uint8Array): void => {
  const random = chanceOf(input)
  const limits: Limits = { bytes: random.int(1, 300), items: random.int(1, 30) }
  const scan = (cuts: ReadonlyArray<number>): string => {
    try {
      return String(endOfPackets(new CborScanner(limits), input, cuts))
    } catch (error) {
      assert.ok(error instanceof FramingError)
      return error.message
    }
  }
  assert.equal(scan(cuts(random, input.length)), scan([0, input.length]))
}

const checkCbor = (input: Uint8Array): string => {
  checkScanner(input)
  const outcomes = (["perl", "own"] as const).map((kind) => {
    const outcome = decodeBoth("cbor", input, kind)
    if ("refused" in outcome) return outcome
    for (const packet of outcome.packets) {
      checkPlain(packet)
      checkSentAgain(packet, "cbor")
    }
    const end = endOfPackets(new CborScanner({ bytes: Infinity, items: Infinity }), input, [0, input.length])
    const opinion = secondOpinion(input.subarray(0, end), kind)
    if (opinion !== undefined) assert.deepStrictEqual(withoutBignums(outcome.packets), opinion.filter(isNotEmpty))
    return outcome
  })
  assert.equal("refused" in outcomes[0]!, "refused" in outcomes[1]!)
  return summary(outcomes[1]!)
}

/**
 * The arrays that a text begins with, found by trying; and where they end. Takes the square of the length.
 */
const parsedByTrying = (text: string): { readonly packets: ReadonlyArray<unknown>; readonly end: number } => {
  const packets: Array<unknown> = []
  let at = 0
  for (let end = at; end <= text.length; end++) {
    if (text[end - 1] !== "]") continue
    try {
      packets.push(parse(text.slice(at, end)))
      at = end
    } catch {
      // Not yet the end.
    }
  }
  return { packets, end: at }
}

const checkJson = (input: Uint8Array): string => {
  decodeBoth("json", input, "own")
  const outcome = decodeBoth("json", input, "perl")
  const text = Buffer.from(input).toString("utf8")
  const isTried = isUtf8(input) && text.length < 200 && !/inf|nan/i.test(text)
  if (isTried) {
    const { end, packets } = parsedByTrying(text)
    if ("packets" in outcome) assert.deepStrictEqual(outcome.packets, packets.filter(isNotEmpty))
    else if (/^[ \t\r\n]*$/.test(text.slice(end))) assert.match(outcome.refused, /^packet_too_large|nested deeper/)
  }
  if ("refused" in outcome) return summary(outcome)
  for (const packet of outcome.packets) {
    checkPlain(packet)
    checkSentAgain(packet, "json")
  }
  return summary(outcome)
}

/** What no message may hold, for numbers that stand in its place. */
const foreign: ReadonlyMap<unknown, () => unknown> = new Map<unknown, () => unknown>([
  [0x10, () => () => 1],
  [0x11, () => new Date(0)],
  [0x12, () => Symbol("s")],
  [0x13, () => "a\ud800"],
  [0x14, () => new Map()],
  [0x15, () => 2n ** 64n]
])

/** A message with foreign values in it. */
const disturbed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(disturbed)
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, disturbed(inner)]))
  }
  return foreign.get(value)?.() ?? value
}

/** The path to what cannot travel leads there, and what stands there alone cannot travel either. */
const checkPath = (root: unknown, { path, what }: Culprit, carries: Carries): void => {
  if (path.endsWith("...")) return
  let value = root
  for (const [step, name, quoted, index] of path.matchAll(/\.([A-Za-z_]\w*)|\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]/g)) {
    const key = name ?? (quoted === undefined ? index! : JSON.parse(quoted) as string)
    assert.ok(typeof value === "object" && value !== null && Object.hasOwn(value, key), `${path} at ${step}`)
    value = (value as Record<string, unknown>)[key]
  }
  assert.equal(culprit(value, carries)?.what, what)
}

/** Messages for `plainData`, and texts for greetings and port IDs. */
const checkPlainData = (input: Uint8Array): string => {
  const text = Buffer.from(input).toString("latin1")
  if (isPortId(text)) {
    assert.ok(isNodeId(nodeOf(text)))
    assert.equal(text.includes("#") ? `${nodeOf(text)}#${nameOf(text)}` : nodeOf(text), text)
  }
  const greeting = parseGreeting(text)
  if (!("reason" in greeting)) assert.deepStrictEqual(parseGreeting(formatGreeting(greeting)), greeting)
  const auth = parseAuth(text)
  assert.deepStrictEqual(parseAuth(formatAuth(auth)), auth)

  const outcome = decodeBoth("cbor", input, "own")
  if ("refused" in outcome) return summary(outcome)
  const whats = new Set<string>()
  for (const message of outcome.packets.map(disturbed)) {
    for (const carries of ["cbor", "json"] as const) {
      const found = culprit(message, carries)
      if (found === undefined) checkSentAgain(message as Packet, carries)
      else {
        checkPath(message, found, carries)
        whats.add(`${carries}: ${found.what}`)
      }
    }
  }
  return `found ${Array.from(whats).join(", ")}`
}

/** What can travel arrives as it was, however it is cut; and what cannot is refused, and leaves nothing behind. */
const checkPackets = (input: Uint8Array): string => {
  const random = chanceOf(input)
  const kind = random.pick(["own", "perl"] as const)!
  const summaries = (["cbor", "json"] as const).map((name) => {
    const framing = framings.get(name)!
    const encode = encoder(framing, kind)
    const carries = framing.carries[kind]
    const sent = Array.from({ length: random.int(1, 4) }, () => randomPacket(random, carries))
    const bytes = sent.map((packet) => {
      if (random.chance(0.3)) assert.throws(() => encode(unsendable(random, packet)))
      return encode(packet)
    })
    if (name === "cbor" && kind === "own") bytes.forEach(readPlainCbor)
    const stream = Buffer.concat(bytes)
    const decode = packetDecoder(framing, { maxMessageSize: stream.length, kind: "own" })
    const arrived = inChunks(stream, randomSizes(random, stream.length)).flatMap((chunk) => {
      const packets = decode(chunk)
      chunk.fill(0xff)
      return packets
    })
    const alone = sent.map((packet, i) => {
      const copied = copy(packet, carries)
      assert.ok("copy" in copied)
      if (kind === "own") assert.deepStrictEqual(arrived[i], copied.copy)
      return encoder(framing, kind)(packet)
    })
    assert.equal(arrived.length, sent.length)
    assert.ok(Buffer.concat(alone).equals(stream))
    return summary({ packets: arrived.slice(0, 1) })
  })
  return `${kind}: ${summaries[0]}`
}

const randomPackets = (random: SeededRandom): Uint8Array => {
  const packets = Array.from({ length: random.int(1, 3) }, () => {
    const items = Array.from({ length: random.int(0, 4) }, () => randomCbor(random))
    return Buffer.concat([Buffer.from([0x80 + items.length]), ...items])
  })
  return Buffer.concat(packets)
}

const cborTokens = hex(
  "d9d9f7",
  "c2 49 010000000000000000",
  "9b ffffffffffffffff",
  "5b 7fffffffffffffff",
  "1b 0020000000000000",
  "3b 001fffffffffffff",
  "69 5f5f70726f746f5f5f",
  "7f 6161 ff",
  "5f 41ff ff",
  "bf 6161 01 ff",
  "f97e00",
  "fbfff0000000000000",
  "d81d00",
  "80",
  "a0",
  "ff"
)

const cborCorpus = hex(
  "824047675f736c617665834047675f736c617665a142276ca14161814f3132372e302e302e313a3134343232",
  "884a713461427156514577624568656c6c6f01fa4020000041338201a14178f665c3a9e282acf5",
  "81 a1 69 5f5f70726f746f5f5f a1 68 706f6c6c75746564 f5"
)

export const targets = {
  cbor: {
    corpus: cborCorpus,
    tokens: cborTokens,
    generate: randomPackets,
    check: checkCbor
  },
  json: {
    corpus: latin1(
      `["","g_slave"]["","g_slave",{"'l":{"a":["127.0.0.1:14042"]}}]["","g_find","seed"]`,
      `["fjJzWnOawb","e","",2,"x"] [null,true,1.5e3,-0]\n["\\u00e9\\"]"]`,
      "[1,-inf,{\"a\":nan}]"
    ),
    tokens: latin1(
      "inf",
      "-inf",
      "nan",
      "\\u",
      "\\\"",
      "\\\\",
      "\"",
      "[",
      "{",
      "]",
      "}",
      "],[",
      "e5",
      "-0",
      "\xc3\xa9",
      "\xef\xbb\xbf"
    ),
    generate: (random) => Buffer.from(Array.from({ length: random.int(1, 3) }, () => randomJson(random)).join(" ")),
    check: checkJson
  },
  packets: {
    corpus: hex("00"),
    tokens: hex("00", "ff"),
    generate: (random) => randomBytes(random, 8),
    check: checkPackets
  },
  handshake: {
    corpus: replays,
    tokens: replays,
    generate: randomAttack,
    check: attack
  },
  plain: {
    corpus: [
      ...cborCorpus,
      ...hex("85 10 11 12 13 82 14 a1 6161 15", "81 a1 63 612062 81 10", "81 fb7ff0000000000000"),
      ...latin1("seed#fiJusZiznb", "seed", "a#b#c", "hmac_sha3_512;00ff;json;refused=duplicate_node"),
      ...latin1(recorded.cbor.a.greeting, recorded.json.b.greeting)
    ],
    tokens: [...cborTokens, ...latin1("#", ";", ",", "=", "%3b", "aemp;1;", "\x10", "\x13")],
    generate: randomPackets,
    check: checkPlainData
  }
} satisfies Record<string, Target>
