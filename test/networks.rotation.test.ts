/** Secrets and certificates that change on several hosts while messages go between them. */
import { assert, describe } from "@effect/vitest"
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pem } from "./certificates.ts"
import { hearEachOther, hearEachOtherAgain, lost, runNode } from "./chaos/hostedNodes.ts"
import { type Host, onHosts } from "./chaos/namespaces.ts"
import { makeFolder } from "./folders.ts"
import type { Process } from "./processes.ts"
import { isFull, onlyFull } from "./size.ts"

/** How nodes come to what they prove themselves with, and change it in steps. */
interface Rotation {
  readonly first: string
  readonly steps: ReadonlyArray<string>
  readonly last: string
  readonly run: (host: Host, nodeId: string, bind: string, proof: string) => Process
  /** Returns when the node has the new one. */
  readonly renew: (nodeId: string, node: Process, proof: string) => Promise<unknown>
}

/** In a configuration file, which is read again on SIGHUP. */
const secrets = (seed: string): Rotation => {
  const folder = makeFolder()
  const rc = (nodeId: string): string => join(folder, `${nodeId}.json`)
  const write = (nodeId: string, secret: string): void =>
    writeFileSync(rc(nodeId), `{ "version": 1, "secret": ${secret} }`)
  return {
    first: "[\"old\"]",
    steps: ["[\"old\", \"new\"]", "[\"new\", \"old\"]", "[\"new\"]"],
    last: "\"new\"",
    run: (host, nodeId, bind, secret) => {
      write(nodeId, secret)
      return runNode(host, nodeId, ["--bind", bind, "--seed", seed], {
        EMP_SECRET: undefined,
        EFFECT_MP_RC: rc(nodeId)
      })
    },
    renew: (nodeId, node, secret) => {
      write(nodeId, secret)
      node.child.kill("SIGHUP")
      return readAgain(node, "the configuration was read again")
    }
  }
}

/** In a file, which is read again when it changes: it is another one at once, as editors and Kubernetes do it. */
const certificates = (seed: string): Rotation => {
  const folder = makeFolder()
  const [old, next] = ["shared", "stranger"].map(pem)
  const trusted = (pem: string): string => pem.slice(pem.indexOf("-----BEGIN CERTIFICATE"))
  const write = (nodeId: string, pem: string): string => {
    const file = join(folder, `${nodeId}.pem`)
    writeFileSync(`${file}.new`, pem)
    renameSync(`${file}.new`, file)
    return file
  }
  return {
    first: old!,
    steps: [old! + trusted(next!), next! + trusted(old!), next!],
    last: next!,
    run: (host, nodeId, bind, pem) =>
      runNode(host, nodeId, ["--bind", bind, "--seed", seed, "--cert", write(nodeId, pem)], { EMP_SECRET: undefined }),
    renew: (nodeId, node, pem) => {
      write(nodeId, pem)
      return readAgain(node, "the certificate was read again")
    }
  }
}

/** Waits until a node says once more that it has read something again. */
const readAgain = (node: Process, what: string): Promise<unknown> => {
  const { length } = node.stderr
  return node.sees(new RegExp(`^[^]{${length},}${what}`))
}

describe("nodes on three hosts", () => {
  for (
    const [what, rotation] of [["secrets", secrets], ...onlyFull([["certificates", certificates] as const])] as const
  ) {
    onHosts(
      `change their ${what} under traffic, and lose nothing`,
      { lan: ["a", "b", "c"] },
      async (hosts) => {
        const { first, last, renew, run, steps } = rotation(`${hosts.a.addresses.lan}:4040`)
        const nodes: Record<string, Process> = {}
        for (const [nodeId, host] of Object.entries(hosts)) nodes[nodeId] = run(host, nodeId, "*:4040", first)
        await hearEachOther(nodes)
        for (const step of steps) {
          const renewals = Object.entries(nodes).map(([nodeId, node]) => () => renew(nodeId, node, step))
          // In the small size all at once: a certificate's file is looked at every two seconds.
          if (isFull) { for (const renewal of renewals) await renewal() }
          else await Promise.all(renewals.map((renewal) => renewal()))
          await hearEachOtherAgain(nodes)
        }
        // It was worth it: who has only the new one is let in, and who has only the old one is not.
        const stranger = run(hosts.c, "stranger", "*", first)
        const newcomer = run(hosts.b, "newcomer", "*", last)
        await hearEachOther({ ...nodes, newcomer })
        await stranger.sees(/cannot reach seed/)
        for (const node of Object.values(nodes)) assert.notMatch(node.stdout, lost)
        for (const node of Object.values(nodes)) assert.notInclude(node.stdout, "stranger")
      }
    )
  }
})
