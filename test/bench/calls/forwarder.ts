// The floor of the benchmark: what receiving and sending a call's packets costs in Node when nothing else is done.
// Arguments: address and port to listen on, of the caller, of the callee. Runs until it is killed.
import { createSocket } from "node:dgram";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

function endpoint(text: string | undefined): { address: string; port: number } {
  const [address = "", port = ""] = (text ?? "").split(":");
  return { address, port: Number(port) };
}

const own = endpoint(process.argv[2]);
const caller = endpoint(process.argv[3]);
const callee = endpoint(process.argv[4]);

const socket = createSocket({
  type: "udp4",
  recvBufferSize: RECEIVE_BUFFER_BYTES,
  // Every host here is a number: no trip through the resolver's thread.
  lookup: (host, _options, callback) => callback(null, host, 4),
});
socket.on("message", (message, from) => {
  const to = from.port === caller.port && from.address === caller.address ? callee : caller;
  socket.send(message, to.port, to.address);
});
socket.bind(own.port, own.address, () => process.stdout.write("ready\n"));
