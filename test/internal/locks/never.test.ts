/** Never two owners in the owners' own view: in worlds that are drawn from seeds, and with bugs that these worlds have to find. */
import { assert, describe, it } from "@effect/vitest"
import { type Action, type Moment, Owner } from "../../../src/internal/locks/owner.ts"
import type { Rules } from "../../../src/internal/locks/rules.ts"
import { Voter, votes } from "../../../src/internal/locks/voter.ts"
import { sized } from "../../size.ts"
import { answerOf, type Bugs, noBugs, type Outcome, World } from "./world.ts"

const run = (seed: number, bugs: Bugs = noBugs): Outcome => new World(`locks ${seed}`, bugs).run()

/** Counts from the answer, not from the question. */
class HastyOwner extends Owner {
  override answer(voter: string, id: number, values: ReadonlyArray<number>, now: Moment): ReadonlyArray<Action> {
    const asked = this["asked"].get(voter)?.get(id)
    if (asked !== undefined) this["asked"].get(voter)?.set(id, { ...asked, at: now })
    return super.answer(voter, id, values, now)
  }
}

/** Tells voters of no token that others have given. */
class ForgetfulVoter extends Voter {
  override refresh(owner: string, keys: ReadonlyArray<string>, _tokens: ReadonlyArray<number>, now: number) {
    return super.refresh(owner, keys, [], now)
  }
}

/** Lets an owner count on what it has only noted. */
class CredulousVoter extends Voter {
  override refresh(owner: string, keys: ReadonlyArray<string>, tokens: ReadonlyArray<number>, now: number) {
    return super.refresh(owner, keys, tokens, now).map((vote) => vote === votes.noted ? votes.yes : vote)
  }
}

const bugs: ReadonlyArray<readonly [name: string, bugs: Partial<Bugs>]> = [
  ["a voter that grants keys as soon as it has started", {
    voter: (rules, now, wall) => new Voter(rules, now - rules.leaseMillis, wall)
  }],
  ["an owner that counts from the answer", { owner: (rules) => new HastyOwner(rules) }],
  ["a voter without a grace", { voter: (rules, now, wall) => new Voter({ ...rules, graceMillis: 0 }, now, wall) }],
  ["a voter that frees keys a little early", {
    voter: (rules, now, wall) => new Voter({ ...rules, graceMillis: rules.graceMillis * 0.6 }, now, wall)
  }],
  ["an owner for whom one less is a majority", {
    owner: (rules) => new Owner({ ...rules, majority: Math.max(1, rules.majority - 1) })
  }],
  ["an owner that takes all clocks for its own", {
    owner: (rules) => new Owner({ ...rules, termMillis: rules.graceMillis })
  }],
  ["an owner that does not notice that its machine has slept", { wall: () => 0 }],
  ["a voter that remembers no token", { voter: (rules, now, wall) => new ForgetfulVoter(rules, now, wall) }]
]

/** As many worlds are searched for a bug: ten times as many as the rarest one needs. */
const mostSeeds = 500

describe("owners of one key", () => {
  it("never believe in it at the same time, and its tokens count up", () => {
    let [grants, losses, refreshes] = [0, 0, 0]
    for (let seed = 1; seed <= sized(20, 1_500); seed++) {
      const outcome = run(seed)
      assert.deepStrictEqual(outcome.violations, [], `seed ${seed}`)
      grants += outcome.grants
      losses += outcome.losses
      refreshes += outcome.refreshes
    }
    // Something has happened in these worlds.
    assert.isAbove(Math.min(grants, losses, refreshes), sized(100, 5_000))
  })

  it.each(bugs)("would, with %s", (_, bug) => {
    let seed = 1
    while (seed <= mostSeeds && run(seed, { ...noBugs, ...bug }).violations.length === 0) seed++
    assert.isAtMost(seed, mostSeeds)
  })
})

describe("a voter that has just started", () => {
  const rules: Rules = {
    name: "locks",
    voters: ["u", "v", "w"],
    majority: 2,
    leaseMillis: 6000,
    graceMillis: 2000,
    termMillis: 1900
  }

  /**
   * `a` holds a key by `u` and `w`; its link with `w` has broken. Before `w` gives the key to `b`, `b` has had it of `v`, which starts again and
   * is asked by `a`.
   */
  const believers = (startAgain: () => Voter): ReadonlyArray<string> => {
    const at = (millis: number): Moment => ({ monotonic: millis, wall: 1e9 + millis })
    const [u, v, w] = rules.voters.map(() => new Voter(rules, -6000, 0)) as [Voter, Voter, Voter]
    const [a, b] = [new Owner(rules), new Owner(rules)]
    /** The voter answers at once what it is asked. */
    const answer = (
      owner: Owner,
      name: string,
      voter: Voter,
      id: string,
      actions: ReadonlyArray<Action>,
      now: number
    ) => {
      for (const action of actions) {
        if (action._tag !== "Ask" || action.voter !== id) continue
        owner.answer(id, action.question.id, answerOf(voter, name, action.question, now), at(now))
      }
    }
    for (const id of ["u", "w"]) a.up(id, at(0))
    const first = a.acquire(["k"], at(0))
    answer(a, "a", u, "u", first, 0)
    answer(a, "a", w, "w", first, 0)
    w.broke("a", 10)
    a.down("w")
    for (const id of ["v", "w"]) b.up(id, at(1500))
    const second = b.acquire(["k"], at(1500))
    answer(b, "b", v, "v", second, 1500)
    const again = startAgain()
    answer(a, "a", again, "v", a.up("v", at(1700)), 1700)
    answer(a, "a", u, "u", a.refresh(1, ["k"], at(1700)), 1700)
    answer(b, "b", w, "w", second, 2020)
    return [["a", a] as const, ["b", b] as const].filter(([, owner]) => owner.grant("k", at(2020)) !== undefined)
      .map(([name]) => name)
  }

  it("keeps a key for whoever says that it is its own, and is no majority for that", () => {
    assert.deepStrictEqual(believers(() => new Voter(rules, 1600, 1e9)), ["b"])
    assert.deepStrictEqual(believers(() => new CredulousVoter(rules, 1600, 1e9)), ["a", "b"])
  })
})
