/** A program with a listening socket, and so many MiB of memory that it has used. Prints its port. */
import * as net from "node:net"

process.stdin.on("end", () => process.exit(1)).resume()

const used = Buffer.alloc(Number(process.argv[2] ?? 0) * 1024 * 1024, 1)
const server = net.createServer((socket) => void socket.on("error", () => {}).resume())
server.listen(0, "127.0.0.1", () => console.log(server.address().port, used.length))
