package kv

// Target is what a comparison looks at.
type Target uint8

// The targets that the machines compare.
const (
	TargetCreate Target = iota + 1 // create revision, 0 for an absent key
	TargetMod                      // revision of the last write, 0 for an absent key
	TargetLease                    // lease, 0 for an absent key
	TargetText                     // raw value of *every* key of the group
	TargetNewest                   // revision of the last write to any key of the kind
)

// Compare is one condition of a transaction. TargetText means "no key of the
// group has the value Text"; in an empty group it is false, which decides
// nothing, because every transaction that uses it also demands the asker's key. TargetNewest means
// "no key of Key.Kind was written after Rev"; deletions do not count.
type Compare struct {
	Key    Key
	Target Target
	Rev    Revision
	Lease  LeaseID
	Text   string
}

// OpKind is put or delete.
type OpKind uint8

// The writes of a transaction.
const (
	OpPut OpKind = iota + 1
	OpDelete
)

// Op is one write of a transaction. Lease 0 puts without a lease.
type Op struct {
	Kind   OpKind
	Key    Key
	Record Record
	Lease  LeaseID
}

// Limits of one transaction; exceeding them is a bug and panics by index.
const (
	MaxCompares = 10
	MaxOps      = 5
	MaxReads    = 4
)

// Txn is an etcd transaction: if every condition holds the writes happen, all
// at one revision. The reads are done in either case, linearizably, after the
// writes. Every transaction has at least one read: etcd serves a transaction
// with no operation at all from local, possibly stale, state.
type Txn struct {
	NIf, NThen, NRead int
	If                [MaxCompares]Compare
	Then              [MaxOps]Op
	Read              [MaxReads]Key
}

// IfCreate demands that the key was created at rev; 0 demands its absence.
func (t *Txn) IfCreate(k Key, rev Revision) {
	t.If[t.NIf] = Compare{Key: k, Target: TargetCreate, Rev: rev}
	t.NIf++
}

// IfMod demands that the key was last written at rev; 0 demands its absence.
func (t *Txn) IfMod(k Key, rev Revision) {
	t.If[t.NIf] = Compare{Key: k, Target: TargetMod, Rev: rev}
	t.NIf++
}

// IfLease demands that the key is bound to the lease.
func (t *Txn) IfLease(k Key, lease LeaseID) {
	t.If[t.NIf] = Compare{Key: k, Target: TargetLease, Lease: lease}
	t.NIf++
}

// IfNoneSays demands that no key of the group has exactly this value.
func (t *Txn) IfNoneSays(text string) {
	t.If[t.NIf] = Compare{Target: TargetText, Text: text}
	t.NIf++
}

// IfNoneNewer demands that no key of the kind was written after rev.
func (t *Txn) IfNoneNewer(kind Kind, rev Revision) {
	t.If[t.NIf] = Compare{Key: Key{Kind: kind}, Target: TargetNewest, Rev: rev}
	t.NIf++
}

// Put writes the record if the conditions hold.
func (t *Txn) Put(k Key, r Record, lease LeaseID) {
	t.Then[t.NThen] = Op{Kind: OpPut, Key: k, Record: r, Lease: lease}
	t.NThen++
}

// Delete removes the key if the conditions hold.
func (t *Txn) Delete(k Key) {
	t.Then[t.NThen] = Op{Kind: OpDelete, Key: k}
	t.NThen++
}

// Get asks for the key as it is after the transaction.
func (t *Txn) Get(k Key) {
	t.Read[t.NRead] = k
	t.NRead++
}

// Header is what every reply of etcd carries. Cluster and revision together
// reveal a replaced or restored etcd (SPEC K4).
type Header struct {
	Cluster uint64
	Rev     Revision
}

// Result is the reply to a transaction; Items answers the reads in order.
type Result struct {
	Succeeded bool
	Items     [MaxReads]Item
}

// Outcome says what is known of a request that has ended.
type Outcome uint8

// The outcomes of a request. Whatever is not certain is Unknown: the request
// may have been executed, and may still be executed later.
const (
	OK        Outcome = iota + 1
	Failed            // certainly not executed, and repeating it as it is will not help
	Unknown           // no reply, or one that leaves open whether it was executed
	LeaseGone         // certainly not executed, because the lease does not exist any more
)

var outcomeNames = [...]string{"none", "ok", "failed", "unknown", "lease-gone"}

func (o Outcome) String() string { return outcomeNames[o] }
