/**
 * What connections leave behind: two nodes connect and part, over and over. Run by hand:
 * `node test/soak/connects.ts [TIMES]`. The figures of the last line are to be those of the first one.
 */
import { churn } from "./churn.ts"

const times = Number(process.argv[2] ?? 100_000)
const marks = [1000, Math.round(times / 4), Math.round(times / 2), times]
for (const [done, left] of await churn(marks)) console.log(done, JSON.stringify(left))
