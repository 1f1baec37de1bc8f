/** One voter's table: whom it keeps a key for, what it remembers, and how much. */
import { assert, describe, it } from "@effect/vitest"
import { mostKeys, mostKeysOfOwner, type Rules } from "../../../src/internal/locks/rules.ts"
import { Voter, votes } from "../../../src/internal/locks/voter.ts"

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
