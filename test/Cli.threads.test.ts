/** A service of `emp run` that starts a thread: its node is one of the network, and ends with the process in order. */
import { assert, it } from "@effect/vitest"
import { devNull } from "node:os"
import { makeFolder } from "./folders.ts"
import { startEmp } from "./processes.ts"

const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull }

it("a thread of a service is a node of the network, is started again when it ends, and leaves in order", async () => {
  const node = startEmp(
    ["run", "--node-id", "main", "--bind", "127.0.0.1:*,thread:", "--service", "test/fixtures/threadService.ts"],
    env
  )
  const [, seed = ""] = await node.sees(/^node main is ready, listening on ([^,]+), thread:/m)
  const said = async (...args: ReadonlyArray<string>) => (await startEmp([...args, "--seed", seed], env).exits()).stdout
  await node.sees(/node thread is up/)
  assert.match(await said("status"), /^thread\b/m)
  // Commands reach it by TCP: they are processes of their own.
  const [, tool = ""] = await node.sees(/tool (thread#\S+) in thread 1/)
  assert.strictEqual(await said("cal", tool, "which"), "1\n")
  await said("snd", tool, "crash")
  await node.sees(/node thread is up[^]*node thread is up/)
  await node.sees(/tool thread#\S+ in thread 2/)
  const stopped = await startEmp(["stop", "main", "--seed", seed], env).exits()
  assert.strictEqual(stopped.code, 0, stopped.stderr)
  const { code, stdout } = await node.exits()
  assert.strictEqual(code, 0)
  // A thread logs as its own program has it: to standard output, if it says nothing else.
  assert.match(stdout, /node thread has stopped/)
})

it("a command takes no bind of a thread for a seed: it is a process of its own", async () => {
  const folder = makeFolder()
  const rc = { EMP_SECRET: undefined, EFFECT_MP_RC: `${folder}/effect-mp.json` }
  const { code } = await startEmp(["gensecret", "binds", "thread:here"], rc).exits()
  assert.strictEqual(code, 0)
  const status = await startEmp(["status"], rc).exits()
  assert.match(status.stderr, /there is no node to connect to/)
  assert.strictEqual(status.code, 2)
})
