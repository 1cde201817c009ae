// What runs in the pods of the conformance run: `connect MILLISECONDS tcp:ADDRESS:PORT udp:[ADDRESS]:PORT ...` asks all of
// them at once and prints a word for each, in their order: the host name that was answered, `-` for no answer in that
// time, `!` for a refusal. cyclonus' own worker starts an agnhost for each of them; a thousand a step are too many.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: connect MILLISECONDS tcp:ADDRESS:PORT udp:ADDRESS:PORT ...")
		os.Exit(2)
	}
	milliseconds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintf(os.Stderr, "not a time: %q\n", os.Args[1])
		os.Exit(2)
	}
	targets := os.Args[2:]
	words := make([]string, len(targets))
	var all sync.WaitGroup
	for i, target := range targets {
		all.Add(1)
		go func() {
			defer all.Done()
			words[i] = ask(target, time.Duration(milliseconds)*time.Millisecond)
		}()
	}
	all.Wait()
	fmt.Println(strings.Join(words, " "))
}

// agnhost's serve-hostname answers a TCP connection at once, and any datagram.
func ask(target string, patience time.Duration) string {
	network, address, _ := strings.Cut(target, ":")
	end := time.Now().Add(patience)
	connection, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return wordFor(err)
	}
	defer connection.Close()
	connection.SetDeadline(end)
	if network == "udp" {
		if _, err := connection.Write([]byte("who")); err != nil {
			return wordFor(err)
		}
	}
	buffer := make([]byte, 256)
	n, err := connection.Read(buffer)
	if n == 0 {
		return wordFor(err)
	}
	return strings.TrimSpace(string(buffer[:n]))
}

func wordFor(err error) string {
	var failure net.Error
	if errors.As(err, &failure) && failure.Timeout() {
		return "-"
	}
	return "!"
}
