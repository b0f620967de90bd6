// Package runtime drives the machines of package fsm in production: it turns
// their effects into requests to etcd, processes, files and sockets, and what
// comes of those into events. It decides nothing.
//
// One goroutine owns a machine (loop.go). The adapters below this directory
// know neither the machines nor each other; what connects them stands here:
// backend.go and frontend.go, one case for each effect, with requests.go for
// etcd, hooks.go and processes.go for what runs, and files.go for what hooks
// read.
package runtime
