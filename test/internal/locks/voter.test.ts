/** One voter's table: whom it keeps a key for, what it remembers, and how much. */
import { assert, describe, it } from "@effect/vitest"
import { type Action, Owner } from "../../../src/internal/locks/owner.ts"
import { mostKeys, mostKeysOfOwner, type Rules } from "../../../src/internal/locks/rules.ts"
import { Voter, votes } from "../../../src/internal/locks/voter.ts"
import { SeededRandom } from "../../simulation/random.ts"
import { sized } from "../../size.ts"

const rules: Rules = {
  name: "locks",
  voters: ["u", "v", "w"],
  majority: 2,
  leaseMillis: 6000,
  graceMillis: 2000,
  termMillis: 1900
}

/** One that has begun a lease ago, at 0. */
const ready = (): Voter => new Voter(rules, -6000, -6000)

const numbered = (from: number, count: number) => Array.from({ length: count }, (_, n) => `key ${from + n}`)

describe("an owner", () => {
  it("gets all keys that it asks for one by one, however many, with few questions at once", () => {
    const owner = new Owner(rules)
    const moment = { monotonic: 0, wall: 0 }
    const table = new Map(rules.voters.map((voter) => [voter, ready()]))
    const held = new Set<string>()
    let toDo: ReadonlyArray<Action> = rules.voters.flatMap((voter) => owner.up(voter, moment))
    const all = numbered(0, 1000)
    toDo = [...toDo, ...all.flatMap((key) => owner.acquire([key], moment))]
    let questions = 0
    while (toDo.length > 0) {
      const asked = toDo.flatMap((action) => action._tag === "Ask" ? [action] : [])
      for (const action of toDo) {
        if (action._tag === "Decided" && action.grant !== undefined) held.add(action.key)
      }
      questions += asked.length
      toDo = asked.flatMap(({ question, voter }) => {
        const { id, keys } = question
        const answer = question.kind === "acquire"
          ? table.get(voter)!.acquire("a", keys, question.proposal, 0)
          : keys.map(() => votes.yes)
        return owner.answer(voter, id, answer, moment)
      })
    }
    assert.strictEqual(held.size, all.length)
    assert.isBelow(questions, 3 * 100)
  })
})

describe("a voter", () => {
  it("keeps a key for the lease, for the grace when the link has broken, and not at all after an end in order", () => {
    const isFree = (end: (voter: Voter) => void, now: number): boolean => {
      const voter = ready()
      voter.acquire("a", ["k"], 1, 0)
      end(voter)
      return voter.acquire("b", ["k"], 1, now)[0] !== 0
    }
    const frees = (end: (voter: Voter) => void, at: number) => [isFree(end, at - 1), isFree(end, at)]
    assert.deepStrictEqual(frees(() => {}, 6000), [false, true])
    assert.deepStrictEqual(frees((voter) => voter.broke("a", 10), 2010), [false, true])
    assert.isTrue(isFree((voter) => voter.ended("a"), 0))
    assert.isTrue(isFree((voter) => voter.release("a", ["k"]), 0))
  })

  it("goes on keeping it for an owner that is back before the grace is over", () => {
    const voter = ready()
    voter.acquire("a", ["k"], 1, 0)
    voter.broke("a", 10)
    assert.deepStrictEqual(voter.refresh("a", ["k"], [1], 1000), [votes.yes])
    assert.deepStrictEqual(voter.acquire("b", ["k"], 1, 6900), [0])
  })

  it("believes an owner where it knows nobody else, and only takes note of it when it has just started", () => {
    const voter = ready()
    assert.deepStrictEqual(voter.refresh("a", ["k"], [7], 0), [votes.yes])
    assert.deepStrictEqual(voter.refresh("b", ["k"], [7], 0), [votes.no])
    const starting = new Voter(rules, 0, 0)
    assert.deepStrictEqual(starting.refresh("a", ["k"], [7], 5999), [votes.noted])
    assert.deepStrictEqual(starting.acquire("b", ["k", "l"], 7, 6000)[0], 0)
    assert.deepStrictEqual(starting.refresh("a", ["k"], [7], 6000), [votes.yes])
  })

  it("gives larger and larger tokens, also when it has forgotten a key", () => {
    const voter = ready()
    let last = 0
    for (let time = 0; time < 20; time++) {
      const [token = 0] = voter.acquire("a", ["k"], 5, time)
      assert.isAbove(token, last)
      last = token
      voter.release("a", ["k"])
    }
    voter.refresh("a", ["k"], [1000], 20)
    voter.release("a", ["k"])
    // So many keys of others make it forget this one.
    for (let owner = 0; owner < 10; owner++) {
      voter.acquire(`b${owner}`, numbered(owner * mostKeysOfOwner, mostKeysOfOwner), 5, 5000)
    }
    for (let owner = 0; owner < 10; owner++) voter.ended(`b${owner}`)
    voter.acquire("c", ["new"], 5, 9000)
    assert.strictEqual(voter.kept(9000).keys, 1)
    assert.isAbove(voter.acquire("a", ["k"], 5, 9000)[0]!, 1000)
  })

  it("goes on counting whatever somebody says that tokens are", () => {
    const largest = Number.MAX_SAFE_INTEGER
    const random = new SeededRandom("tokens")
    const wrong = () => random.pick([largest, largest - 1, 2 ** 52, 2 ** 52 + 1, 2 ** 51, 2 ** 51 + 1, 1e15, 0])!
    for (let run = 0; run < sized(50, 1000); run++) {
      // What one voter has been told the other one has to be able to take note of.
      const [one, other] = [ready(), ready()]
      let last = 0
      for (let step = 0; step < 10; step++) {
        one.acquire("bug", ["k", "l"], wrong(), 0)
        one.refresh("bug", ["k", "m"], [wrong(), wrong()].map((token) => token > 2 ** 51 ? largest : token), 0)
        one.ended("bug")
        const [token = 0] = one.acquire("a", ["k"], Math.min(last + 1, largest), 0)
        assert.isAbove(token, last)
        assert.isBelow(token, 2 ** 52)
        assert.deepStrictEqual(one.refresh("a", ["k"], [token], 0), [votes.yes])
        assert.deepStrictEqual(other.refresh("a", ["k"], [token], 0), [votes.yes])
        last = token
        one.ended("a")
      }
    }
  })

  it("keeps so many keys for one owner, and in all, and has room again when they are free", () => {
    const voter = ready()
    const granted = (tokens: ReadonlyArray<number>) => tokens.filter((token) => token > 0).length
    assert.strictEqual(granted(voter.acquire("a", numbered(0, mostKeysOfOwner + 5), 1, 0)), mostKeysOfOwner)
    for (let owner = 1; owner < 12; owner++) {
      voter.acquire(`a${owner}`, numbered(owner * mostKeysOfOwner, mostKeysOfOwner), 1, 0)
    }
    assert.deepStrictEqual(voter.kept(0), { keys: mostKeys, owners: 10 })
    assert.deepStrictEqual(voter.acquire("b", ["k"], 1, 2000), [0])
    assert.strictEqual(granted(voter.acquire("b", ["k"], 1, 6000)), 1)
    assert.deepStrictEqual(voter.kept(6000), { keys: 1, owners: 1 })
  })
})
