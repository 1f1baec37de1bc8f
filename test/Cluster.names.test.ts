/** `effect/cluster` is unstable: what this package takes of it, and what its behaviour is taken for granted of, is there in this version. */
import { assert, it } from "@effect/vitest"
import * as ClusterError from "effect/cluster/ClusterError"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as RunnerServer from "effect/cluster/RunnerServer"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"
import { getCurrentVersion } from "effect/Version"
import { readFileSync } from "node:fs"
import { root } from "./processes.ts"

const names = {
  ClusterError: [ClusterError, ["PersistenceError"]],
  MessageStorage: [MessageStorage, ["MessageStorage", "layerNoop"]],
  RunnerAddress: [RunnerAddress, ["make"]],
  RunnerHealth: [RunnerHealth, ["RunnerHealth"]],
  Runners: [Runners, ["RpcClientProtocol"]],
  RunnerServer: [RunnerServer, ["layerWithClients", "layerClientOnly"]],
  RunnerStorage: [RunnerStorage, ["RunnerStorage", "makeEncoded"]],
  ShardId: [ShardId, ["make"]],
  Sharding: [Sharding, ["Sharding"]],
  ShardingConfig: [ShardingConfig, ["ShardingConfig", "defaults", "layer", "shardGroupConfig"]],
  RpcServer: [RpcServer, ["Protocol"]]
} as const

for (const [module, [exported, needed]] of Object.entries(names)) {
  it(`effect has ${module}.{${needed.join(", ")}}`, () => {
    for (const name of needed) assert.isDefined((exported as Record<string, unknown>)[name], name)
  })
}

it("effect's Layers of runners are what is built anew for each node", () => {
  assert.isTrue(Layer.isLayer(RunnerServer.layerWithClients))
  assert.isTrue(Layer.isLayer(RunnerServer.layerClientOnly))
})

it("the version of effect is the one that clusters were tested with", () => {
  const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    readonly devDependencies: Record<string, string>
  }
  assert.strictEqual(getCurrentVersion(), devDependencies["effect"])
})
