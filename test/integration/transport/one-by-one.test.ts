// UDP as node:dgram does it, for systems without the other way: all that holds for the one holds for the other.
process.env["TANDEM_UDP"] = "node";
await import("./udp.test.ts");
