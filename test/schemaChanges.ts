/** How schemas and protocols change from one version of a program to the next: drawn by chance, with what each version says. */
import * as Schema from "effect/Schema"

/** A whole number from 0 on, below a bound. */
export type Draw = (bound: number) => number

export type AnySchema = Schema.Codec<unknown, unknown>

export interface Version {
  readonly schema: AnySchema
  /** What this version writes. */
  readonly value: unknown
}

export interface Change {
  readonly before: Version
  readonly after: Version
}

const oneOf = <A>(draw: Draw, all: ReadonlyArray<A>): A => all[draw(all.length)]!

const textOf = (draw: Draw): string => oneOf(draw, ["", "tea", "a longer text", "äöü", "0"])

/** Kinds of values, of which none fits another one. */
const kinds: ReadonlyArray<(draw: Draw) => Version> = [
  (draw) => ({ schema: Schema.String, value: textOf(draw) }),
  (draw) => ({ schema: Schema.Number, value: draw(1000) / 4 }),
  (draw) => ({ schema: Schema.Boolean, value: draw(2) === 0 }),
  (draw) => ({ schema: Schema.Array(Schema.Number), value: Array.from({ length: 1 + draw(3) }, () => draw(9)) }),
  (draw) => ({ schema: Schema.Struct({ id: Schema.Number, name: Schema.String }), value: { id: draw(9), name: "x" } })
]

export const anyKind = (draw: Draw): Version => oneOf(draw, kinds)(draw)

const twoKinds = (draw: Draw): readonly [Version, Version] => {
  const first = draw(kinds.length)
  const second = (first + 1 + draw(kinds.length - 1)) % kinds.length
  return [kinds[first]!(draw), kinds[second]!(draw)]
}

type Fields = Record<string, Schema.Codec<unknown, unknown> | Schema.optionalKey<AnySchema>>

/** A struct with some fields of its own, which both versions have. */
const structs = (draw: Draw) => {
  const common = Array.from({ length: 1 + draw(2) }, (_, n) => [`field${n}`, anyKind(draw)] as const)
  const fields = Object.fromEntries(common.map(([name, { schema }]) => [name, schema]))
  const values = Object.fromEntries(common.map(([name, { value }]) => [name, value]))
  return (more: Fields, value: object): Version => ({
    schema: Schema.Struct({ ...fields, ...more }) as unknown as AnySchema,
    value: { ...values, ...value }
  })
}

/** A struct with a field that one version has in one way, and the other one in another way or not at all. */
const fieldChange =
  (make: (field: Version) => readonly [before: readonly [Fields, object], after: readonly [Fields, object]]) =>
  (draw: Draw): Change => {
    const struct = structs(draw)
    const [before, after] = make(anyKind(draw))
    return { before: struct(...before), after: struct(...after) }
  }

/** The same change, the other way round. */
const back = (change: (draw: Draw) => Change) => (draw: Draw): Change => {
  const { after, before } = change(draw)
  return { before: after, after: before }
}

const mayBeAdded = fieldChange(({ schema, value }) => [
  [{}, {}],
  [{ extra: Schema.optionalKey(schema) }, { extra: value }]
])
const mustBeAdded = fieldChange(({ schema, value }) => [[{}, {}], [{ extra: schema }, { extra: value }]])
const mayBeMissing = fieldChange(({ schema, value }) => [
  [{ extra: schema }, { extra: value }],
  [{ extra: Schema.optionalKey(schema) }, {}]
])

/** The later version takes more, and writes what the earlier one did not know. */
const takesMore: Readonly<Record<"values" | "members" | "types", ReadonlyArray<(draw: Draw) => Change>>> = {
  values: [
    () => ({
      before: { schema: Schema.Literals(["small", "large"]), value: "large" },
      after: { schema: Schema.Literals(["small", "large", "huge"]), value: "huge" }
    }),
    () => ({
      before: { schema: Schema.String.check(Schema.isMinLength(3)), value: "three" },
      after: { schema: Schema.String, value: "" }
    })
  ],
  members: [
    (draw) => {
      const [first, second] = twoKinds(draw)
      const members = [first.schema, second.schema]
      return {
        before: { schema: Schema.Union(members), value: oneOf(draw, [first, second]).value },
        after: { schema: Schema.Union([...members, Schema.Null]), value: null }
      }
    },
    (draw) => {
      const [circle, square, line] = ["circle", "square", "line"].map((kind) =>
        structs(draw)({ kind: Schema.Literal(kind) }, { kind })
      )
      const members = [circle!.schema, square!.schema]
      return {
        before: { schema: Schema.Union(members), value: square!.value },
        after: { schema: Schema.Union([...members, line!.schema]), value: line!.value }
      }
    }
  ],
  types: [
    (draw) => {
      const { schema, value } = anyKind(draw)
      return { before: { schema, value }, after: { schema: Schema.NullOr(schema), value: null } }
    },
    (draw) => {
      const [one, two] = twoKinds(draw)
      return { before: one, after: { schema: Schema.Union([one.schema, two.schema]), value: two.value } }
    }
  ]
}
const more = (what: keyof typeof takesMore) => (draw: Draw): Change => oneOf(draw, takesMore[what])(draw)

/** By what the guide says of them. */
export const schemaChanges: Readonly<Record<string, (draw: Draw) => Change>> = {
  "a field is added that may be missing (`Schema.optionalKey`)": mayBeAdded,
  "a field is added that must be there": mustBeAdded,
  "a field goes that may be missing": back(mayBeAdded),
  "a field goes that must be there": back(mustBeAdded),
  "a field that must be there may be missing": mayBeMissing,
  "a field that may be missing must be there": back(mayBeMissing),
  "a field has another name": fieldChange(({ schema, value }) => [
    [{ old: schema }, { old: value }],
    [{ new: schema }, { new: value }]
  ]),
  "a literal is added, a check goes": more("values"),
  "a literal goes, a check is added": back(more("values")),
  "a union gets one more member": more("members"),
  "a member of a union goes": back(more("members")),
  "`null` or another type is allowed beside the one that there was": more("types"),
  "one type is left of several, or `null` is not allowed any more": back(more("types")),
  "a type is another one": (draw) => {
    const [before, after] = twoKinds(draw)
    return { before, after }
  }
}

/** Where what has changed may stand: inside of something that both versions have. */
const places: ReadonlyArray<(version: Version) => Version> = [
  ({ schema, value }) => ({ schema: Schema.Array(schema), value: [value] }),
  ({ schema, value }) => ({
    schema: Schema.Struct({ n: Schema.Number, inside: schema }),
    value: { n: 1, inside: value }
  }),
  ({ schema, value }) => ({ schema: Schema.Record(Schema.String, schema), value: { key: value } })
]

/** The change somewhere inside of a value. */
export const somewhere = (draw: Draw, { after, before }: Change): Change => {
  const around = Array.from({ length: draw(3) }, () => oneOf(draw, places))
  const placed = (version: Version) => around.reduce((inside, place) => place(inside), version)
  return { before: placed(before), after: placed(after) }
}

/** A message of a protocol, with arguments that a sender gives it. */
export interface Message {
  readonly tag: string
  readonly args: ReadonlyArray<Version>
  /** What any number of more arguments may be. */
  readonly rest?: AnySchema
  /** Of these the sender gives some. */
  readonly more?: ReadonlyArray<unknown>
  readonly isCall: boolean
}

/** What a version of a program speaks, and which of it it says. */
export interface Spoken {
  readonly messages: ReadonlyArray<Message>
  readonly says: Message
}

export interface ProtocolChange {
  readonly before: Spoken
  readonly after: Spoken
}

const argsOf = (draw: Draw): ReadonlyArray<Version> => Array.from({ length: draw(3) }, () => anyKind(draw))
const messageOf = (draw: Draw, tag: string): Message => ({ tag, args: argsOf(draw), isCall: draw(2) === 0 })

/** A message that is in both versions and not what is said, and one that changes. */
const messageChange =
  (make: (draw: Draw, message: Message) => readonly [before: Message, after: Message]) =>
  (draw: Draw): ProtocolChange => {
    const common = messageOf(draw, "common")
    const [before, after] = make(draw, messageOf(draw, "changed"))
    return { before: { messages: [common, before], says: before }, after: { messages: [common, after], says: after } }
  }

const otherWay = (change: (draw: Draw) => ProtocolChange) => (draw: Draw): ProtocolChange => {
  const { after, before } = change(draw)
  return { before: after, after: before }
}

const tagAdded = (draw: Draw): ProtocolChange => {
  const [common, added] = [messageOf(draw, "common"), messageOf(draw, "added")]
  return { before: { messages: [common], says: common }, after: { messages: [common, added], says: added } }
}
const argumentAdded = messageChange((
  draw,
  message
) => [message, { ...message, args: [...message.args, anyKind(draw)] }])
const answered = messageChange((_, message) => [{ ...message, isCall: false }, { ...message, isCall: true }])

/** By what the guide says of them. */
export const protocolChanges: Readonly<Record<string, (draw: Draw) => ProtocolChange>> = {
  "a tag is added": tagAdded,
  "a tag goes": otherWay(tagAdded),
  "a tag has another name": messageChange((_, message) => [message, { ...message, tag: "renamed" }]),
  "an argument is added behind the last one": argumentAdded,
  "the last argument goes": otherWay(argumentAdded),
  "any number of arguments may follow (`.rest`)": messageChange((draw, message) => {
    const { schema, value } = anyKind(draw)
    return [message, { ...message, rest: schema, more: Array.from({ length: draw(3) }, () => value) }]
  }),
  "a message is answered from now on (`.replies`)": answered,
  "a message is answered no more": otherWay(answered)
}
