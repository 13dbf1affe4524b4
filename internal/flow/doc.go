// Package flow is the connection table: who talked to whom, in which TCP state, with which steps remembered.
//
// One Table is the state of one shard and belongs to one goroutine. Records live in pointer-free slabs that grow by
// chunks, so the garbage collector never scans them. A packet that completes no event costs no allocation. Results
// depend on the packets and their order alone: not on the hash seed, not on the order of slots.
package flow
