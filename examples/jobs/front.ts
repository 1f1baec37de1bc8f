/**
 * Letters by HTTP, written by workers on other nodes: what may run twice is repeated when a worker dies, what must not is not.
 * The front is a program with a node of its own, the seed of the network:
 *
 * export EMP_SECRET=swordfish
 * EMP_NODEID=front EMP_BINDS=127.0.0.1:4040 node examples/jobs/front.ts
 * emp run --node-id worker1 --seed 127.0.0.1:4040 --service examples/jobs/worker.ts
 * emp run --node-id worker2 --seed 127.0.0.1:4040 --service examples/jobs/worker.ts
 *
 * curl localhost:8080/render --json '{"id": "1", "template": "welcome", "name": "Ada"}'
 * curl localhost:8080/mail --json '{"id": "2", "template": "farewell", "name": "Ada"}'
 *
 * With OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 all of them send their spans to a collector: one trace for each request.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Global, Node, Transport } from "effect-mp"
import * as Config from "effect/Config"
import { HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { jobs, WorkerGroup } from "./http.ts"
import { JobsApi } from "./jobs.ts"
import { tracing } from "./tracing.ts"

const node = Layer.provideMerge(Global.layerConfig(), Node.layerConfig()).pipe(
  Layer.provide([Transport.layerTcp, NodeFileSystem.layer])
)

const http = NodeHttpServer.layerConfig(createServer, {
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(8080))
})

const front = HttpRouter.serve(HttpApiBuilder.layer(JobsApi).pipe(Layer.provide(jobs)), { disableLogger: true })

// It starts from the last line to the first: HTTP listens when the node has joined and sees the workers.
const program = front.pipe(
  Layer.provide(http),
  Layer.provide(WorkerGroup.layer),
  Layer.provide(node),
  Layer.provide(tracing("front"))
)

NodeRuntime.runMain(Layer.launch(program))
