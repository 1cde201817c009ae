// What runs in the test pods: `probe send ADDRESS:PORT RATE FILE` asks an agnhost (netexec, UDP) for an echo so many times a
// second, each with a number of its own, until the file is there, and prints what came back (a file, as no signal gets
// through docker exec, and kubectl exec ends with the API server); `probe lookup NAME` asks the pod's DNS for addresses.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An answer that takes longer is a lost one.
const patience = 2 * time.Second

func main() {
	if len(os.Args) == 3 && os.Args[1] == "lookup" {
		lookup(os.Args[2])
		return
	}
	if len(os.Args) != 5 || os.Args[1] != "send" {
		fmt.Fprintln(os.Stderr, "usage: probe send ADDRESS:PORT RATE FILE | probe lookup NAME")
		os.Exit(2)
	}
	rate, err := strconv.Atoi(os.Args[3])
	if err != nil || rate < 1 {
		fmt.Fprintf(os.Stderr, "not a rate: %q\n", os.Args[3])
		os.Exit(2)
	}
	send(os.Args[2], rate, os.Args[4])
}

func lookup(name string) {
	addresses, err := net.DefaultResolver.LookupHost(context.Background(), name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(addresses, "\n"))
}

type result struct {
	Sent     int `json:"sent"`
	Answered int `json:"answered"`
	// Milliseconds from the start at which the lost ones were sent.
	Lost []int64 `json:"lost"`
}

func send(address string, rate int, endFile string) {
	connection, err := net.Dial("udp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	start := time.Now()
	var mutex sync.Mutex
	answered := map[int]bool{}
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, err := connection.Read(buffer)
			if err != nil { // a refusal is told by ICMP: nobody listens there, and the number stays unanswered
				if strings.Contains(err.Error(), "closed") {
					return
				}
				continue
			}
			if number, err := strconv.Atoi(strings.TrimSpace(string(buffer[:n]))); err == nil {
				mutex.Lock()
				answered[number] = true
				mutex.Unlock()
			}
		}
	}()
	sent := []time.Duration{}
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	fmt.Println("started")
	for range ticker.C {
		if _, err := os.Stat(endFile); err == nil {
			break
		}
		fmt.Fprintf(connection, "echo %d", len(sent))
		sent = append(sent, time.Since(start))
	}
	time.Sleep(patience)
	connection.Close()
	mutex.Lock()
	defer mutex.Unlock()
	told := result{Sent: len(sent), Answered: len(answered), Lost: []int64{}}
	for number, at := range sent {
		if !answered[number] {
			told.Lost = append(told.Lost, at.Milliseconds())
		}
	}
	json.NewEncoder(os.Stdout).Encode(told)
}
