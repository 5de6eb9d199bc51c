/*
 * A WASI preview 1 program that does what its arguments say, one after another, for the tests of `wbuild run`. Each word that fails is told on
 * standard error with its errno, and the program goes on. scripts/make-probe.sh makes probe.wasm of it; the module is committed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static int failed(const char *what, const char *name) {
  fprintf(stderr, "%s %s: %s\n", what, name, strerror(errno));
  return 0;
}

static int copy(FILE *from) {
  static char buffer[65536]; // the stack has no more
  size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, from)) > 0)
    if (fwrite(buffer, 1, n, stdout) != n) return failed("write", "stdout");
  return 0;
}

static int cat(const char *name) {
  FILE *f = fopen(name, "r");
  if (!f) return failed("cat", name);
  copy(f);
  return fclose(f);
}

static int write_text(const char *name, const char *mode, const char *text) {
  FILE *f = fopen(name, mode);
  if (!f) return failed("write", name);
  if (fputs(text, f) < 0) failed("write", name);
  return fclose(f) == 0 ? 0 : failed("write", name);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int ls(const char *name) {
  DIR *d = opendir(name);
  char *names[256];
  int n = 0;
  struct dirent *e;
  if (!d) return failed("ls", name);
  while ((e = readdir(d)) && n < 256)
    if (e->d_name[0] != '.') names[n++] = strdup(e->d_name);
  qsort(names, n, sizeof *names, by_name);
  for (int i = 0; i < n; i++) printf("%s\n", names[i]);
  return closedir(d);
}

static int status(const char *name) {
  struct stat s;
  if (lstat(name, &s)) return failed("stat", name);
  printf("%s %lld %lld\n", S_ISDIR(s.st_mode) ? "dir" : S_ISLNK(s.st_mode) ? "link" : "file",
         S_ISREG(s.st_mode) ? (long long)s.st_size : 0LL, (long long)s.st_mtim.tv_sec);
  return 0;
}

static int target(const char *name) {
  char buffer[256];
  ssize_t n = readlink(name, buffer, sizeof buffer - 1);
  if (n < 0) return failed("readlink", name);
  printf("%.*s\n", (int)n, buffer);
  return 0;
}

/* Opens a folder, and reads a file by a path from there. */
static int catat(const char *folder, const char *name) {
  int dir = open(folder, O_RDONLY | O_DIRECTORY);
  int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
  if (!f) return failed("catat", name);
  copy(f);
  return fclose(f);
}

static int recurse(volatile int n) { return n == 0 ? 0 : 1 + recurse(n + 1); }

static int many(long count) {
  for (long i = 0; i < count; i++)
    if (printf("%ld\n", i) < 0) return failed("write", "stdout");
  return 0;
}

int main(int argc, char **argv) {
  int i = 1;
  const char *next;
#define NEXT (i < argc ? argv[i++] : "")
  while (i < argc) {
    const char *word = NEXT;
    if (!strcmp(word, "args")) for (int k = 0; k < argc; k++) printf("[%s]\n", argv[k]);
    else if (!strcmp(word, "env")) for (char **e = environ; *e; e++) printf("%s\n", *e);
    else if (!strcmp(word, "say")) printf("%s\n", NEXT);
    else if (!strcmp(word, "warn")) fprintf(stderr, "%s\n", NEXT);
    else if (!strcmp(word, "stdin")) copy(stdin);
    else if (!strcmp(word, "cat")) cat(NEXT);
    else if (!strcmp(word, "catat")) next = NEXT, catat(next, NEXT);
    else if (!strcmp(word, "ls")) ls(NEXT);
    else if (!strcmp(word, "stat")) status(NEXT);
    else if (!strcmp(word, "readlink")) target(NEXT);
    else if (!strcmp(word, "write")) next = NEXT, write_text(next, "w", NEXT);
    else if (!strcmp(word, "append")) next = NEXT, write_text(next, "a", NEXT);
    else if (!strcmp(word, "mkdir")) { next = NEXT; if (mkdir(next, 0777)) failed("mkdir", next); }
    else if (!strcmp(word, "rm")) { next = NEXT; if (unlink(next)) failed("rm", next); }
    else if (!strcmp(word, "symlink")) { next = NEXT; if (symlink(next, NEXT)) failed("symlink", argv[i - 1]); }
    else if (!strcmp(word, "link")) { next = NEXT; if (link(next, NEXT)) failed("link", argv[i - 1]); }
    else if (!strcmp(word, "rename")) { next = NEXT; if (rename(next, NEXT)) failed("rename", argv[i - 1]); }
    else if (!strcmp(word, "touch")) { next = NEXT; if (utimensat(AT_FDCWD, next, NULL, 0)) failed("touch", next); }
    else if (!strcmp(word, "many")) many(atol(NEXT));
    else if (!strcmp(word, "loop")) { fprintf(stderr, "looping\n"); for (volatile long n = 0;; n++) {} }
    else if (!strcmp(word, "trap")) __builtin_trap();
    else if (!strcmp(word, "recurse")) recurse(1);
    else if (!strcmp(word, "exit")) exit(atoi(NEXT));
    else { fprintf(stderr, "unknown word %s\n", word); return 2; }
    fflush(stdout);
  }
  return 0;
}
