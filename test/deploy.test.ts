/** `deploy/`: what stands there is what Docker, Compose, Kubernetes and systemd take, and the nodes in it run. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Host, onHosts } from "./chaos/namespaces.ts"
import { buildImage, deployFile, documentsOf, environmentOf, stagesOf, wordsOf } from "./deployed.ts"
import { eventually, Process, root, start } from "./processes.ts"

const has = (command: string): boolean => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0

/** A container of which a node is made, in Compose or in Kubernetes. */
interface Container {
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}

interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly containers: ReadonlyArray<
    {
      readonly args: ReadonlyArray<string>
      readonly env: ReadonlyArray<{ readonly name: string; readonly value: string }>
      readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number }>
      readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: ReadonlyArray<string> } } }
      readonly volumeMounts: ReadonlyArray<{ readonly name: string; readonly mountPath: string }>
    } & Readonly<Record<"startupProbe" | "livenessProbe" | "readinessProbe", { readonly httpGet: HttpGet }>>
  >
  readonly volumes: ReadonlyArray<{ readonly name: string }>
}

interface HttpGet {
  readonly path: string
  readonly port: string
}

interface KubernetesDocument {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly serviceName?: string
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> } | Readonly<Record<string, string>>
    readonly ports?: ReadonlyArray<{ readonly targetPort: string }>
    readonly template?: { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: Pod }
  }
}

/** What the API takes, by its version. */
const modelsOf: Readonly<Record<string, () => Promise<object>>> = {
  "v1": () => import("kubernetes-models/v1"),
  "apps/v1": () => import("kubernetes-models/apps/v1"),
  "policy/v1": () => import("kubernetes-models/policy/v1")
}

const manifests = readdirSync(join(root, "deploy/kubernetes")).filter((name) => name.endsWith(".yaml"))
const kubernetes = manifests.flatMap((name) => documentsOf(`kubernetes/${name}`) as ReadonlyArray<KubernetesDocument>)
const byKind = (kind: string): KubernetesDocument => kubernetes.find((document) => document.kind === kind)!
const podOf = (kind: string): Pod => byKind(kind).spec.template!.spec
const labelsOf = ({ spec: { selector = {} } }: KubernetesDocument) =>
  ("matchLabels" in selector ? selector.matchLabels : selector) as Readonly<Record<string, string>>

const compose = documentsOf("compose.yaml")[0] as {
  readonly services: Readonly<
    Record<string, {
      readonly command: ReadonlyArray<string>
      readonly environment: Readonly<Record<string, string>>
      readonly volumes?: ReadonlyArray<string>
    }>
  >
}

const image = stagesOf(deployFile("Dockerfile")).at(-1)!
const [init = "", separator = "", ...entry] = wordsOf(image, "ENTRYPOINT")
const hasInit = has(init)
const healthCheck = wordsOf(image, "HEALTHCHECK")
const canCheckHealth = has(healthCheck[0]!)

let folder = ""
/** Where `/srv` of the image is. */
let srv = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "emp-deploy-"))
  chmodSync(folder, 0o755)
  srv = buildImage(folder)
  cpSync(join(root, "deploy/services"), join(srv, "app/services"), { recursive: true })
  execFileSync("chmod", ["-R", "a+rX", srv])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The configuration, where the user of the image can read it. */
const configFile = (): string => {
  const file = join(folder, "effect-mp.json")
  writeFileSync(file, deployFile("effect-mp.json"))
  return file
}

/**
 * How a command runs in a container of the image: its user, its working folder, its environment. Who changes the user loses the signal
 * that comes when the parent dies, and so sets it again.
 */
const inContainer = (host: Host, env: Readonly<Record<string, string>>): ReadonlyArray<string> => [
  ..."setpriv --reuid 1000 --regid 1000 --clear-groups --pdeathsig KILL env -u EMP_SECRET".split(" "),
  `--chdir=${join(srv, "app")}`,
  `HOSTNAME=${host.output("hostname").trim()}`,
  ...Object.entries({ ...environmentOf(image), ...env, EFFECT_MP_RC: configFile() }).map(([name, value]) =>
    `${name}=${value.replaceAll("/srv", srv).replace("$PATH", `${process.env["PATH"]}`)}`
  )
]

/** Runs a container on a host of its own, as the first process of its own. */
const runContainer = (host: Host, { args, env }: Container): Process => {
  const first = hasInit ? [init, separator] : []
  const isolated = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
  const through = [...host.run, ...isolated, ...inContainer(host, env), ...first]
  return start([join(srv, "node_modules/.bin/emp"), ...args], {}, through)
}

const childrenOf = (pid: number): ReadonlyArray<number> =>
  (readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").match(/\d+/g) ?? []).map(Number)

/** As Docker and Kubernetes do it: SIGTERM to the first process. Answers the exit code. */
const stopContainer = async (container: Process): Promise<number | null> => {
  process.kill(childrenOf(container.pid)[0]!, "SIGTERM")
  return (await container.exits()).code
}

/** Runs a command in a container, as `docker exec` does it. */
const exec = (host: Host, command: ReadonlyArray<string>): string => host.output(...inContainer(host, {}), ...command)

const ask = (path: string, port: number): string =>
  `fetch("http://127.0.0.1:${port}${path}").then(({ status }) => console.log(status), () => console.log("refused"))`

/** What a probe of Kubernetes gets: the status of the answer. */
const probe = (host: Host, { containers: [container] }: Pod, name: "livenessProbe" | "readinessProbe"): string => {
  const { path, port } = container![name].httpGet
  const { containerPort } = container!.ports.find((known) => known.name === port)!
  return host.output(process.execPath, "-e", ask(path, containerPort)).trim()
}

/** Who leads where, on all hosts: what Docker's and the cluster's DNS servers say. */
const nameSeeds = (seeds: ReadonlyArray<Host<"pods">>, all: ReadonlyArray<Host<"pods">>): void => {
  const file = join(folder, "hosts")
  writeFileSync(file, ["127.0.0.1 localhost", ...seeds.map(({ addresses }) => `${addresses.pods} mp-seeds`)].join("\n"))
  for (const host of all) host.replace("/etc/hosts", file)
}

const ready = /^node (\S+) is ready, listening on \S+$/m
const greetersOf = (host: Host): ReadonlyArray<string> => {
  try {
    return exec(host, ["emp", "find", "greeters"]).trim().split("\n").map((port) => port.split("#")[0]!).toSorted()
  } catch {
    return []
  }
}

describe("the image", () => {
  it("is made of what is sent to the builder, and has a user, an init, a health check", () => {
    assert.strictEqual(image.find(({ name }) => name === "USER")!.text, "1000:1000")
    assert.deepStrictEqual([...entry, ...wordsOf(image, "CMD").slice(0, 1)], ["emp", "run"])
    const { stdout } = spawnSync(join(srv, "node_modules/.bin/emp"), ["--version"], { encoding: "utf8" })
    assert.match(stdout, /^emp v\d/)
  })

  const seed: Container = { args: ["run", "profile", "seed", ...wordsOf(image, "CMD").slice(1)], env: {} }

  const health = canCheckHealth ? "says that it is healthy" : `(health NOT CHECKED: there is no ${healthCheck[0]})`
  onHosts(`${health}, and ends in order`, { pods: ["solo"] }, async ({ solo }) => {
    nameSeeds([solo], [solo])
    const container = runContainer(solo, seed)
    assert.strictEqual((await container.sees(ready))[1], "solo")
    if (canCheckHealth) exec(solo, healthCheck)
    assert.strictEqual(await stopContainer(container), 0)
  })

  describe.skipIf(!hasInit)(hasInit ? "with its init" : `with its init: NOT RUN, there is no ${init}`, () => {
    onHosts("ends when it is stopped in its first moments", { pods: ["solo"] }, async ({ solo }) => {
      for (const args of [seed.args, [...seed.args, "--no-watchdog"]]) {
        const container = runContainer(solo, { ...seed, args })
        await eventually("emp begins", () => childrenOf(container.pid).flatMap(childrenOf).length > 0)
        assert.include([0, 143], await stopContainer(container))
        assert.notMatch(container.stdout, ready)
      }
    })
  })
})

describe("compose.yaml", () => {
  it("is what Compose takes", () => {
    const args = ["node_modules/dclint/bin/dclint.cjs", "--quiet", "deploy/compose.yaml"]
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" })
    assert.strictEqual(status, 0, stdout)
  })

  onHosts("has seeds and workers that find each other", { pods: ["seed1", "seed2", "worker"] }, async (hosts) => {
    nameSeeds([hosts.seed1, hosts.seed2], Object.values(hosts))
    const started = Object.entries(hosts).map(([name, host]) => {
      const { command, environment } = compose.services[name]!
      return runContainer(host, { args: command, env: environment })
    })
    for (const container of started) await container.sees(ready)
    await eventually("the worker is found from a seed", () => greetersOf(hosts.seed1).includes("worker"))
    const said = exec(hosts.seed1, ["emp", "status"])
    for (const name of Object.keys(hosts)) assert.match(said, new RegExp(`^${name} `, "m"))
    for (const container of started) assert.strictEqual(await stopContainer(container), 0)
  })
})

describe("the manifests of Kubernetes", () => {
  it("are what its API takes, with no word that it does not know", async () => {
    const place = `.examples/kubernetes-${process.pid}`
    mkdirSync(join(root, place), { recursive: true })
    try {
      for (const [nth, document] of kubernetes.entries()) {
        const { apiVersion, kind } = document
        const models = await modelsOf[apiVersion]!() as Readonly<Record<string, unknown>>
        const Model = models[kind] as new(document: unknown) => { validate: () => void }
        new Model(document).validate()
        // What the API does not know it leaves out without a word; the compiler does not.
        const code = `import type { I${kind} } from "kubernetes-models/${apiVersion}"\nexport const it: I${kind} = `
        writeFileSync(join(root, place, `${nth}.ts`), code + JSON.stringify(document, null, 2))
      }
      const options = { extends: "../../tsconfig.json", include: ["*.ts"] }
      writeFileSync(join(root, place, "tsconfig.json"), JSON.stringify(options))
      const { code, stdout } = await new Process(["node_modules/typescript/bin/tsc", "--project", place]).ended
      assert.strictEqual(code, 0, stdout)
    } finally {
      rmSync(join(root, place), { recursive: true, force: true })
    }
  })

  it("name what is there: labels, services, ports, volumes", () => {
    const pods = kubernetes.flatMap(({ spec }) => spec.template ?? [])
    assert.lengthOf(pods, 2)
    for (const document of kubernetes) {
      const labels = Object.entries(labelsOf(document))
      const chosen = pods.filter((pod) => labels.every(([name, value]) => pod.metadata.labels[name] === value))
      assert.lengthOf(chosen, 1, `${document.kind} ${document.metadata.name}`)
      for (const { targetPort } of document.spec.ports ?? []) {
        assert.include(chosen[0]!.spec.containers[0]!.ports.map(({ name }) => name), targetPort)
      }
    }
    assert.strictEqual(byKind("StatefulSet").spec.serviceName, byKind("Service").metadata.name)
    for (const { spec: { containers: [container], volumes } } of pods) {
      for (const name of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
        assert.include(container!.ports.map((port) => port.name), container![name].httpGet.port)
      }
      assert.sameMembers(container!.volumeMounts.map(({ name }) => name), volumes.map(({ name }) => name))
      const config = container!.env.find(({ name }) => name === "EFFECT_MP_RC")!.value
      assert.isTrue(container!.volumeMounts.some(({ mountPath }) => config.startsWith(`${mountPath}/`)))
    }
  })

  onHosts("run: ready when they have joined, not any more when they are drained, and end in order", {
    pods: ["mp-seed-0", "mp-seed-1", "mp-worker-0", "mp-worker-1"]
  }, async (hosts) => {
    const seeds = [hosts["mp-seed-0"], hosts["mp-seed-1"]]
    const workers = [hosts["mp-worker-0"], hosts["mp-worker-1"]]
    nameSeeds(seeds, Object.values(hosts))
    const run = (host: Host, pod: Pod) => {
      const [{ args, env }] = pod.containers as readonly [Pod["containers"][number]]
      return runContainer(host, { args, env: Object.fromEntries(env.map(({ name, value }) => [name, value])) })
    }
    const [seedPod, workerPod] = [podOf("StatefulSet"), podOf("Deployment")]
    const early = run(workers[0]!, workerPod)
    // Alive, and of no use before there is a seed.
    await eventually("it lives", () => probe(workers[0]!, workerPod, "livenessProbe") === "200")
    assert.strictEqual(probe(workers[0]!, workerPod, "readinessProbe"), "503")
    const containers = [...seeds.map((host) => run(host, seedPod)), early, run(workers[1]!, workerPod)]
    for (const container of containers) await container.sees(ready)
    await eventually("all are ready", () =>
      seeds.every((host) => probe(host, seedPod, "readinessProbe") === "200") &&
      workers.every((host) => probe(host, workerPod, "readinessProbe") === "200"))
    await eventually("both greet", () => greetersOf(seeds[0]!).join() === "mp-worker-0,mp-worker-1")

    exec(workers[0]!, workerPod.containers[0]!.lifecycle.preStop.exec.command)
    assert.strictEqual(probe(workers[0]!, workerPod, "readinessProbe"), "503")
    assert.strictEqual(probe(workers[0]!, workerPod, "livenessProbe"), "200")
    await eventually("the other one greets", () => greetersOf(seeds[0]!).join() === "mp-worker-1")
    for (const container of containers) assert.strictEqual(await stopContainer(container), 0)
  })
})

const analyze = (...args: ReadonlyArray<string>) => spawnSync("systemd-analyze", args, { encoding: "utf8" })
const hasSystemd = has("systemd-analyze")

describe("the unit of systemd", () => {
  it.skipIf(!hasSystemd)(
    hasSystemd ? "is one, and gives a node no more than it needs" : "is one: NOT RUN, there is no systemd-analyze",
    () => {
      const units = join(folder, "units")
      mkdirSync(units)
      const unit = join(units, "emp@.service")
      // The only thing that is where the package was installed.
      writeFileSync(
        unit,
        deployFile("systemd/emp@.service").replace("/usr/bin/emp", join(srv, "node_modules/.bin/emp"))
      )
      const { status, stderr } = analyze("verify", unit)
      assert.strictEqual(status, 0, stderr)
      assert.strictEqual(stderr, "")
      const { stdout } = analyze("security", "--offline=true", unit)
      assert.match(stdout, /exposure level for emp@.*: [01]\.\d OK/)
    }
  )

  it("runs emp with a profile that the configuration may have", () => {
    const settings = new Map(
      deployFile("systemd/emp@.service").split("\n").filter((line) => /^\w+=/.test(line)).map((line) => {
        const at = line.indexOf("=")
        return [line.slice(0, at), line.slice(at + 1)] as const
      })
    )
    const [, ...args] = settings.get("ExecStart")!.replace("%i", "worker").split(" ")
    const env = { ...process.env, EFFECT_MP_RC: configFile() }
    const shown = spawnSync(join(srv, "node_modules/.bin/emp"), ["showconfig", ...args.slice(2), "--json"], {
      encoding: "utf8",
      env
    })
    assert.strictEqual(args[0], "run")
    assert.strictEqual(shown.status, 0, shown.stderr)
    assert.include(shown.stdout, "greeter.js")
  })
})
