// The tutorial's calls in Go, as the documentation of both libraries shows: https://thrift.apache.org/tutorial/go,
// https://pkg.go.dev/go.mongodb.org/mongo-driver. Arguments: port, MongoDB's URI, database.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"tutorial"
)

type document struct {
	ID        primitive.ObjectID `bson:"_id,omitempty"`
	UserID    string             `bson:"userId"`
	Name      string             `bson:"name"`
	CreatedOn time.Time          `bson:"createdOn"`
	Done      bool               `bson:"done"`
}

func (d *document) task() *tutorial.Task {
	id, created := d.ID.Hex(), d.CreatedOn.UTC().Format("2006-01-02T15:04:05.000000")
	return &tutorial.Task{ID: &id, UserId: d.UserID, Name: d.Name, CreatedOn: &created, Done: &d.Done}
}

type handler struct {
	tasks *mongo.Collection
}

func (h *handler) All(ctx context.Context, userID string) ([]*tutorial.Task, error) {
	newestFirst := bson.D{{Key: "createdOn", Value: -1}, {Key: "_id", Value: -1}}
	cursor, err := h.tasks.Find(ctx, bson.D{{Key: "userId", Value: userID}}, options.Find().SetSort(newestFirst))
	if err != nil {
		return nil, err
	}
	var documents []document
	if err := cursor.All(ctx, &documents); err != nil {
		return nil, err
	}
	tasks := make([]*tutorial.Task, len(documents))
	for i := range documents {
		tasks[i] = documents[i].task()
	}
	return tasks, nil
}

func (h *handler) Add(ctx context.Context, userID string, name string) (*tutorial.Task, error) {
	added := document{ID: primitive.NewObjectID(), UserID: userID, Name: name, CreatedOn: time.Now()}
	if _, err := h.tasks.InsertOne(ctx, &added); err != nil {
		return nil, err
	}
	return added.task(), nil
}

func (h *handler) Update(ctx context.Context, taskID string, name string, done bool, userID string) (*tutorial.Task, error) {
	id, err := primitive.ObjectIDFromHex(taskID)
	if err != nil {
		return nil, &tutorial.BaseException{Code: 400, Message: err.Error()}
	}
	filter := bson.D{{Key: "_id", Value: id}, {Key: "userId", Value: userID}}
	change := bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: name}, {Key: "done", Value: done}}}}
	var changed document
	err = h.tasks.FindOneAndUpdate(ctx, filter, change, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&changed)
	if err == mongo.ErrNoDocuments {
		return nil, &tutorial.BaseException{Code: 404, Message: "no such task"}
	}
	if err != nil {
		return nil, err
	}
	return changed.task(), nil
}

func (h *handler) Upsert(context.Context, *tutorial.Task) (*tutorial.Task, error) {
	return nil, &tutorial.BaseException{Code: 501, Message: "is not measured"}
}

func main() {
	port, uri, database := os.Args[1], os.Args[2], os.Args[3]
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(uri))
	if err != nil {
		log.Fatal(err)
	}
	listening, err := thrift.NewTServerSocket("127.0.0.1:" + port)
	if err != nil {
		log.Fatal(err)
	}
	server := thrift.NewTSimpleServer4(
		tutorial.NewTasksProcessor(&handler{client.Database(database).Collection("tasks")}),
		listening,
		thrift.NewTFramedTransportFactoryConf(thrift.NewTTransportFactory(), nil),
		thrift.NewTBinaryProtocolFactoryConf(nil),
	)
	log.Fatal(server.Serve())
}
