/**
 * A node that runs counters, of three that vote: who has the votes of two of them has a counter.
 *
 * emp run --node-id a --bind 127.0.0.1:4040 --seed 127.0.0.1:4041 --service examples/cluster/runner.ts
 * emp run --node-id b --bind 127.0.0.1:4041 --seed 127.0.0.1:4040 --service examples/cluster/runner.ts
 * emp run --node-id c --bind 127.0.0.1:4042 --seed 127.0.0.1:4040,127.0.0.1:4041 --service examples/cluster/runner.ts
 */
import * as Cluster from "effect-mp/Cluster"
import * as Layer from "effect/Layer"
import { CounterLive, KeeperLive } from "./counters.ts"

export default Layer.mergeAll(CounterLive, KeeperLive).pipe(
  Layer.provide(Cluster.layer({ voters: ["a", "b", "c"], lease: "3 seconds" }))
)
