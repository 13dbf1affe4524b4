// Package nftset puts the sources of attacks into sets of the kernel's firewall. It is off unless asked for, and built for Linux
// alone.
package nftset
