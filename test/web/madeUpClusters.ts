/** Clusters and locks of a network that there is not: what `emp web` tells of all of it, and what one of its nodes tells of itself. */
import type { Clusters, NodeDetails } from "../../src/internal/cli/web/api.ts"
import { clustersIn } from "../../src/internal/cli/web/clusters.ts"
import type { Status } from "../../src/internal/node/status.ts"
import { status } from "../statuses.ts"
import { madeUpPicture } from "./madeUp.ts"

/** The first nodes vote; the last of them has just started, and the one before it is away. So many nodes after them are runners. */
const [voters, runners] = [5, 12]
const shards = 300

/** A node whose links to most voters are gone. */
const cutOff = 8

const heldBy = (index: number): number => Math.floor(shards / runners) + (index - voters < shards % runners ? 1 : 0)

const madeUpStatus = (names: ReadonlyArray<string>, index: number, text: string): Status => {
  const id = names[index] ?? ""
  const isRunner = index >= voters && index < voters + runners && index !== cutOff
  const locks = `effect_mp::cluster::${text}`
  return status({
    nodeId: id,
    peers: index === cutOff
      ? [{
        nodeId: `${text} guest`,
        state: "up",
        address: null,
        ownKind: true,
        security: null,
        queued: 0,
        unsent: 0,
        received: 0,
        sent: 0,
        guestUntil: Date.UTC(2026, 10, 28, 12, 0, 0)
      }]
      : [],
    lacks: index === cutOff ? [`a majority of the voters of cluster ${text}: ${names.slice(0, 4).join(", ")}`] : [],
    guests: index === cutOff ? 1 : 0,
    byteStreams: index === cutOff ? 3 : 0,
    clusters: [{
      name: text,
      runner: isRunner || index === cutOff ? `${id}:12` : null,
      effectVersion: "4.1.0",
      locks: isRunner || index === cutOff ? locks : null,
      refusal: index === cutOff + 1 ? text : null,
      shards: { held: isRunner ? heldBy(index) : 0, total: shards },
      entities: isRunner ? { Counter: 800 + index, [text]: index } : {},
      singletons: index === voters ? ["keeper", text] : [],
      runners,
      silentRunners: index === cutOff ? names.slice(0, 3) : []
    }],
    locks: index >= voters + runners ? [] : [locks, "reports"].map((name) => ({
      name,
      voters: names.slice(0, voters).map((node, at) => ({
        node,
        standing: at === 3 || index === cutOff && at < 4 ? "away" : at === 4 ? "starts" : "votes"
      })),
      held: isRunner ? heldBy(index) : 0,
      keys: isRunner ? [`shard:${text}:1`, "shard:default:2"] : [],
      kept: index < voters ? { keys: index === 4 ? 0 : 301, owners: 12, isVoting: index !== 4 } : null
    }))
  })
}

export const madeUpClusters = (names: ReadonlyArray<string>, text: string, at: number): Clusters =>
  clustersIn(names.map((_, index) => madeUpStatus(names, index, text)), madeUpPicture(names, at, 1, false))

/** Of nodes that are a part of the cluster; of others nothing. */
export const madeUpParts = (names: ReadonlyArray<string>, id: string, text: string): NodeDetails["status"] => {
  const index = names.indexOf(id)
  return index === -1 || index >= voters + runners ? null : madeUpStatus(names, index, text)
}
