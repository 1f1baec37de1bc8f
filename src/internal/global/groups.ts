/**
 * The groups that this node looks at: one view of each, for all who look. Nodes that members were lost with are looked for: they may
 * live, and reach the database where this node does not reach them.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { NodeListener, Router } from "../node/router.ts"
import { ReplyPort } from "../port/replyPort.ts"
import type { Follower } from "./follower.ts"
import { Group, type GroupHost } from "./group.ts"
import { type KeepTrying, keepTrying } from "./keepTrying.ts"
import type { OwnData } from "./ownData.ts"

/** Nodes are looked for again after two to four times as long at first. */
const baseMillis = 300

interface Open {
  readonly group: Group
  readonly unfollow: () => void
  viewers: number
}

export class Groups implements NodeListener {
  private readonly host: GroupHost
  private readonly follower: Follower
  private readonly ownData: OwnData
  private readonly trying: KeepTrying
  private readonly open = new Map<string, Open>()

  constructor(router: Router, follower: Follower, ownData: OwnData) {
    this.host = {
      nodeId: router.nodeId,
      isUp: (nodeId) => router.isUp(nodeId),
      drains: (nodeId) => router.drains(nodeId),
      monotonic: () => router.monotonic(),
      roundTripMillis: (nodeId, now) => router.roundTripMillis(nodeId, now),
      monitor: (port, watcher) => router.monitor(port, watcher),
      echo: (nodeId, answered) => {
        const reply = new ReplyPort(router)
        reply.endsWith(nodeId)
        reply.onResult((result) => {
          if (Exit.isSuccess(result)) answered()
        })
        router.request(nodeId, "time", reply.id)
      }
    }
    this.follower = follower
    this.ownData = ownData
    ownData.listeners.add((family, change) => this.open.get(family)?.group.ownChanged(change))
    this.trying = keepTrying(baseMillis, router.network.monitorTimeoutMillis, () => {
      const away = Array.from(this.open.values()).flatMap(({ group }) => group.nodesAway)
      const missing = new Set(away.filter((nodeId) => !router.isUp(nodeId)))
      for (const nodeId of missing) router.peer(nodeId).wake()
      return missing.size > 0
    })
  }

  /** Looks for nodes that members were lost with, for ever. */
  get lookForNodes(): Effect.Effect<never> {
    return this.trying.run
  }

  /** Looks at a group: `close` when that is over. */
  view(name: string): { readonly group: Group; readonly close: () => void } {
    const open = this.open.get(name) ?? this.begin(name)
    open.viewers++
    return {
      group: open.group,
      close: () => {
        if (--open.viewers > 0) return
        this.open.delete(name)
        open.unfollow()
        open.group.close()
      }
    }
  }

  private begin(name: string): Open {
    const group = new Group(this.host, () => this.trying.wake())
    group.ownChanged({ set: this.ownData.family(name), deleted: [] })
    const unfollow = this.follower.monitor(name, (change) => group.familyChanged(change))
    const open: Open = { group, unfollow, viewers: 0 }
    this.open.set(name, open)
    return open
  }

  up(nodeId: string): void {
    for (const { group } of this.open.values()) group.nodeUp(nodeId)
  }

  draining(nodeId: string): void {
    for (const { group } of this.open.values()) group.nodeDrains(nodeId)
  }

  down(nodeId: string): void {
    for (const { group } of this.open.values()) group.nodeDown(nodeId)
  }
}
