/**
 * dockerd's BuildKit as a BuildKit daemon of its own: connections to a socket or port are upgraded to gRPC on dockerd's, and bytes are passed on
 * as they are. So the client meets what buildkitd is, without a buildkitd.
 */
import net from 'node:net';
import tls from 'node:tls';

export interface Bridge {
  /** `unix:///…` or `tcp://127.0.0.1:…`. */
  readonly address: string;
  /** Connections that are open. */
  readonly open: () => number;
  /** Stops passing bytes on, without closing anything. */
  readonly freeze: () => void;
  /** Cuts every connection. */
  readonly cut: () => void;
  readonly close: () => Promise<void>;
}

/** @param at a path for a socket; TLS options for an encrypted port */
export async function bridge(dockerSocket: string, at: string | tls.TlsOptions): Promise<Bridge> {
  const pairs = new Set<readonly net.Socket[]>();
  const handle = (client: net.Socket) => {
    const docker = net.connect(dockerSocket);
    const pair = [client, docker];
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        for (const other of pair) other.destroy();
        pairs.delete(pair);
      });
    }
    docker.write('POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    let head = '';
    docker.on('data', function first(chunk: Buffer) {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      docker.off('data', first);
      client.write(Buffer.from(head.slice(end + 4), 'latin1'));
      docker.pipe(client);
      client.pipe(docker);
    });
  };
  const server =
    typeof at === 'string' ? net.createServer(handle) : tls.createServer({ ...at, ALPNProtocols: ['h2'] }, handle);
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) =>
    typeof at === 'string' ? server.listen(at, resolve) : server.listen(0, '127.0.0.1', resolve),
  );
  const where = server.address();
  const cut = () => {
    for (const socket of [...pairs].flat()) socket.destroy();
  };
  return {
    address: typeof where === 'string' ? `unix://${where}` : `tcp://127.0.0.1:${where!.port}`,
    open: () => pairs.size,
    freeze: () => {
      for (const [client, docker] of pairs) {
        client!.unpipe();
        docker!.unpipe();
        client!.pause();
        docker!.pause();
      }
    },
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
