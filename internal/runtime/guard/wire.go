package guard

import (
	"encoding/binary"
	"syscall"
	"time"
)

// A record is what the agent sends: 24 bytes, on a socket that keeps the bounds
// of records. Both ends are the same binary on the same machine.
//
//	0  4  magic, which ends in the version of this format
//	4  4  kind
//	8  8  arm: fence signal at; child: pid, or 0 for none;       lease: its id, or 0 for none
//	16 8  arm: SIGKILL at;      child: number of the fence signal; lease: limit in ns
const (
	recordSize  = 24
	recordMagic = "msG2"
)

type recordKind uint32

const (
	recordArm recordKind = iota + 1
	recordChild
	recordLease
)

type record struct {
	kind recordKind
	a, b int64
}

func (r record) encode() [recordSize]byte {
	var p [recordSize]byte
	copy(p[:], recordMagic)
	binary.LittleEndian.PutUint32(p[4:], uint32(r.kind))
	binary.LittleEndian.PutUint64(p[8:], uint64(r.a))
	binary.LittleEndian.PutUint64(p[16:], uint64(r.b))
	return p
}

// decode returns false for anything that an agent in order does not send.
func decode(p []byte) (record, bool) {
	if len(p) != recordSize || string(p[:4]) != recordMagic {
		return record{}, false
	}
	r := record{
		kind: recordKind(binary.LittleEndian.Uint32(p[4:])),
		a:    int64(binary.LittleEndian.Uint64(p[8:])),
		b:    int64(binary.LittleEndian.Uint64(p[16:])),
	}
	return r, r.valid()
}

func (r record) valid() bool {
	const lastPID, lastSignal = 1 << 22, 64 // the kernel's limits
	switch r.kind {
	case recordArm:
		return r.a > 0 && r.b >= r.a
	case recordChild:
		return r.a >= 0 && r.a <= lastPID && r.a != 1 && r.b >= 1 && r.b <= lastSignal
	case recordLease:
		return r.a >= 0 && r.b >= 0 && (r.a == 0 || r.b > 0)
	}
	return false
}

func armRecord(fence, kill int64) record { return record{recordArm, fence, kill} }

func childRecord(pid int, sig syscall.Signal) record {
	return record{recordChild, int64(pid), int64(sig)}
}

func leaseRecord(id int64, limit time.Duration) record {
	return record{recordLease, id, int64(limit)}
}
