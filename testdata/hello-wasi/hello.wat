;; The module of the demo and of the end-to-end tests: a WASI preview 1 command that prints a greeting on standard
;; output, whatever its arguments. scripts/make-hello-wasi.mjs assembles it.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovs i32) (param $count i32) (param $written i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param $code i32)))

  (memory (export "memory") 1)
  (data (i32.const 16) "Hello from a WASI module in an image that wbuild made!\n") ;; 55 bytes

  (func (export "_start")
    (local $from i32)
    (local $left i32)
    (local.set $from (i32.const 16))
    (local.set $left (i32.const 55))
    (loop $more
      ;; one iovec at 0: where the rest of the text begins, and how long it is; fd_write leaves at 8 how much it took
      (i32.store (i32.const 0) (local.get $from))
      (i32.store (i32.const 4) (local.get $left))
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $proc_exit (i32.const 1))))
      (local.set $from (i32.add (local.get $from) (i32.load (i32.const 8))))
      (local.set $left (i32.sub (local.get $left) (i32.load (i32.const 8))))
      (br_if $more (local.get $left)))))
