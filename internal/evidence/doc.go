// Package evidence says what a group did from what its clients saw, and trusts
// no agent's word. A Ledger holds which server acknowledged which row, under
// which epoch and when: afterwards it knows of rows that are lost and of two
// masters. A Register holds a history of reads and writes, which must be
// linearizable.
//
// All times are of one process's monotonic clock. What servers say of their own
// clocks is not compared.
package evidence
