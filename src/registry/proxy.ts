/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go's programs read them (golang.org/x/net/http/httpproxy). */
import { BlockList, isIP } from 'node:net';

/** The environment; the names in lower case win, as with curl. */
export type ProxyEnv = Readonly<Record<string, string | undefined>>;

/** The proxy for an address, or undefined. This machine is never asked for by a proxy. */
export function chooseProxy(url: URL, env: ProxyEnv): string | undefined {
  const get = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const proxy = url.protocol === 'https:' ? get('HTTPS_PROXY') : get('HTTP_PROXY');
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (proxy === undefined || host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host))
    return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const rules = (get('NO_PROXY') ?? '').split(',').map((rule) => rule.trim().toLowerCase());
  if (rules.some((rule) => rule !== '' && excludes(rule, host, port))) return undefined;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function excludes(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true;
  const [, network, bits] = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(rule) ?? [];
  if (network !== undefined) return inSubnet(host, network, Number(bits));
  const [, name = rule, wantedPort] = /^(.*?)(?::(\d+))?$/.exec(isIP(rule) === 6 ? '' : rule) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const plain = (name || rule).replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
  // ".example.com" leaves example.com itself to the proxy, as in Go
  return host.endsWith(`.${plain}`) || (host === plain && !/^\*?\./.test(name));
}

function inSubnet(host: string, network: string, bits: number): boolean {
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(host) !== isIP(network) || bits > (family === 'ipv6' ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}
