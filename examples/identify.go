// Identify a photo with a service, with the Go standard library only: go run identify.go http://127.0.0.1:8000 photo.jpg
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"mime/multipart"
	"net/http"
	"os"
)

type answer struct {
	Title, Detail string // of a problem document
	Decision      string // identified, probably (check it), ambiguous, unknown (the match is only the nearest), or empty
	Matches       []struct {
		Name       string
		Confidence float64
	}
}

func main() {
	log.SetFlags(0)
	found, err := identify(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Decision, found.Matches[0].Name, found.Matches[0].Confidence)
}

func identify(url, photo string) (found answer, err error) {
	data, err := os.ReadFile(photo)
	if err != nil {
		return found, err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "photo")
	if err != nil {
		return found, err
	}
	file.Write(data) // into memory, which does not fail
	form.Close()
	response, err := http.Post(url+"/v1/identify", form.FormDataContentType(), &body)
	if err != nil {
		return found, err
	}
	defer response.Body.Close()
	if err = json.NewDecoder(response.Body).Decode(&found); err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", found.Title, found.Detail)
	}
	return found, err
}
