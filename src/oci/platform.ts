/**
 * Platforms: `os/arch[/variant]`, and the names that mean the same.
 * @see containerd/platforms (platforms.go, database.go)
 */
import type { Platform } from './descriptor.js';

const OS = /^[A-Za-z0-9_-]+$/;
const COMPONENT = /^[A-Za-z0-9_.-]+$/;
const KNOWN_OS = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
);
const KNOWN_ARCH = new Set(
  '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
);

/**
 * Reads a platform; an OS or an architecture alone is completed by those of this machine.
 * @returns the platform as typed but for aliases, or a sentence that says what is wrong
 */
export function parsePlatform(specifier: string, machine: Platform): Platform | string {
  const parts = specifier.split('/');
  if (!OS.test(parts[0]!) || parts.slice(1).some((part) => !COMPONENT.test(part))) {
    return `${JSON.stringify(specifier)} is no platform`;
  }
  const os = normalizeOs(parts[0]!);
  if (parts.length === 1) {
    if (KNOWN_OS.has(os)) return { ...machine, os };
    const { architecture, variant } = normalizeArch(parts[0]!, '');
    if (!KNOWN_ARCH.has(architecture))
      return `${JSON.stringify(specifier)} is neither an operating system nor an architecture`;
    return { os: 'linux', architecture, ...(variant && !(architecture === 'arm' && variant === 'v7') && { variant }) };
  }
  if (parts.length === 2) {
    const { architecture, variant } = normalizeArch(parts[1]!, '');
    return { os, architecture, ...(variant && !(architecture === 'arm' && variant === 'v7') && { variant }) };
  }
  if (parts.length > 3) return `${JSON.stringify(specifier)} has too many parts`;
  const { architecture, variant } = normalizeArch(parts[1]!, parts[2]!);
  const full = architecture === 'arm64' && variant === '' ? 'v8' : variant;
  return { os, architecture, ...(full && { variant: full }) };
}

/** What to write in place of a text that is no platform. */
export function platformHint(specifier: string): string {
  const near = /^wasi(?:p[12])?$/i.test(specifier) ? `did you mean ${specifier.toLowerCase()}/wasm? ` : '';
  return `${near}a platform is os/arch or os/arch/variant: wasi/wasm, linux/arm64`;
}

/** A platform as images carry it: aliases resolved, the variant only where it says something. */
export function normalizePlatform(platform: Platform): Platform {
  const { architecture, variant } = normalizeArch(platform.architecture, platform.variant ?? '');
  return { os: normalizeOs(platform.os), architecture, ...(variant && { variant }) };
}

/** `os/arch[/variant]`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

function normalizeOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

function normalizeArch(arch: string, variantText: string): { architecture: string; variant: string } {
  const architecture = arch.toLowerCase();
  const variant = variantText.toLowerCase();
  switch (architecture) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      if (['8', 'v8', 'v8.0'].includes(variant)) return { architecture: 'arm64', variant: '' };
      return { architecture: 'arm64', variant: ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      if (variant === '' || variant === '7') return { architecture, variant: 'v7' };
      return { architecture, variant: ['5', '6', '8'].includes(variant) ? `v${variant}` : variant };
    default:
      return { architecture, variant };
  }
}

/** This machine's platform, as the daemon of a Docker on it would see itself: always linux. */
export function machinePlatform(arch: string): Platform {
  const names: Readonly<Record<string, string>> = {
    x64: 'amd64',
    ia32: '386',
    arm64: 'arm64',
    arm: 'arm',
    ppc64: 'ppc64le',
    loong64: 'loong64',
    riscv64: 'riscv64',
    s390x: 's390x',
    mipsel: 'mipsle',
  };
  return { os: 'linux', architecture: names[arch] ?? arch };
}
