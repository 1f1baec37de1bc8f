/** All workloads, in the order in which they run. */
import type { Workload } from "./workload.ts"
import { bytesBeside } from "./workloads/bytes.ts"
import { calls } from "./workloads/calls.ts"
import { choices } from "./workloads/choices.ts"
import { death } from "./workloads/death.ts"
import { entities } from "./workloads/entities.ts"
import { lives } from "./workloads/lives.ts"
import { memory } from "./workloads/memory.ts"
import { moves } from "./workloads/moves.ts"
import { natsWorkloads } from "./workloads/nats.ts"
import { notices } from "./workloads/notices.ts"
import { manyToOne, oneWay } from "./workloads/oneWay.ts"
import { payloads } from "./workloads/payloads.ts"
import { pingPong } from "./workloads/pingPong.ts"
import { roundTrips } from "./workloads/roundTrips.ts"
import { sends } from "./workloads/sends.ts"
import { threads } from "./workloads/threads.ts"
import { wires } from "./workloads/wires.ts"

export const workloads: ReadonlyArray<Workload> = [
  sends,
  pingPong,
  lives,
  ...memory,
  oneWay,
  ...roundTrips,
  death,
  notices,
  ...payloads,
  manyToOne,
  ...calls,
  choices,
  ...entities,
  ...moves,
  ...wires,
  ...bytesBeside,
  ...threads,
  ...natsWorkloads
]
