import SwiftUI

@main
struct EdgeFieldApp: App {
    @StateObject private var model = FieldModel()

    var body: some Scene {
        WindowGroup { FieldView(model: model) }
    }
}
